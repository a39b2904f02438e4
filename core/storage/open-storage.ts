import { FileStorage } from './file-storage';
import {
  type ByteSource,
  type FolderEntry,
  type ObjectHead,
  type ObjectInfo,
  type PutOptions,
  type Storage,
  StorageError,
  type UploadOptions,
} from './storage';

/** Creates a storage at its first URL, so that a large SDK is loaded only if it is used. */
type StorageFactory = () => Promise<Storage>;

/** By `url.protocol`, colon included: `{ 'file:': new FileStorage(), 's3:': makeS3Storage }`. */
type StorageRoutes = Readonly<Record<string, Storage | StorageFactory>>;

/**
 * Passes each call to the storage of its URL's protocol. Throws `bad-url`, which names the supported protocols, for another protocol.
 * A factory runs once; if it fails, it runs again at the next call.
 */
export function routeStorage(routes: StorageRoutes): Storage {
  return new RoutedStorage(routes);
}

class RoutedStorage implements Storage {
  private readonly made = new Map<string, Promise<Storage>>();

  constructor(private readonly routes: StorageRoutes) {}

  async head(url: URL): Promise<ObjectHead | undefined> {
    return (await this.storageOf(url)).head(url);
  }

  async get(url: URL): Promise<Uint8Array> {
    return (await this.storageOf(url)).get(url);
  }

  async put(url: URL, body: Uint8Array | string, options?: PutOptions): Promise<void> {
    await (await this.storageOf(url)).put(url, body, options);
  }

  async open(url: URL): Promise<ByteSource> {
    return (await this.storageOf(url)).open(url);
  }

  async *list(prefix: URL): AsyncGenerator<ObjectInfo> {
    yield* (await this.storageOf(prefix)).list(prefix);
  }

  async *listFolder(folder: URL, start?: string): AsyncGenerator<FolderEntry> {
    yield* (await this.storageOf(folder)).listFolder(folder, start);
  }

  async delete(url: URL): Promise<void> {
    await (await this.storageOf(url)).delete(url);
  }

  async upload(path: string, url: URL, options?: UploadOptions): Promise<void> {
    await (await this.storageOf(url)).upload(path, url, options);
  }

  async fetch(url: URL, directory: string, etag?: string): Promise<string> {
    return (await this.storageOf(url)).fetch(url, directory, etag);
  }

  private async storageOf(url: URL): Promise<Storage> {
    const { protocol } = url;
    const route = Object.hasOwn(this.routes, protocol) ? this.routes[protocol] : undefined;
    if (!route) {
      const allowed = Object.keys(this.routes).map((name) => `${name}//`);
      throw new StorageError(
        'bad-url',
        url,
        `${url.href} is not supported; use one of ${allowed.join(', ')}`,
      );
    }
    if (typeof route !== 'function') return route;
    const made = this.made.get(protocol) ?? route();
    this.made.set(protocol, made);
    try {
      return await made;
    } catch (error) {
      this.made.delete(protocol);
      throw error;
    }
  }
}

/** Storage for `file:` and `s3:` URLs. Loads the AWS SDK at the first `s3:` URL. */
export function openStorage(): Storage {
  return routeStorage({
    'file:': new FileStorage(),
    's3:': async () => (await import('./s3-storage')).createS3Storage(),
  });
}
