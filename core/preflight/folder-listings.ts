import { bucketAndKey, childUrl, filePath } from '../storage/location';
import { StorageError, type FolderEntry, type ObjectInfo, type Storage } from '../storage/storage';

/** Entries of a folder that are listed, in a bucket 1,000 a request, before what is wanted of it is asked for by name. */
const MOST_LISTED = 50_000;

/** Folders that are looked into for one scene: each is a request, and a scene that was made to do harm can name any number. */
const MOST_FOLDERS = 5_000;

/** A file as it lies there. */
export interface ListedFile {
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  /** ISO 8601. */
  readonly modified: string;
  /** Where the listing tells it: not on a disk. */
  readonly etag?: string | undefined;
}

/** What lies in one folder itself. */
export interface FolderListing {
  readonly files: ReadonlyMap<string, ListedFile>;
  /** Names of folders within it, in buckets of those with anything in them. */
  readonly folders: readonly string[];
  /** Whether there was more than could be listed. */
  readonly isCut: boolean;
}

const NOTHING: FolderListing = { files: new Map(), folders: [], isCut: false };

/** Looks into folders through storage, into each once, however many files of it are asked for. */
export class FolderListings {
  /** Whether folders were left out, as if they were empty. */
  isCut = false;
  private readonly known = new Map<string, Promise<FolderListing>>();

  constructor(
    private readonly storage: Storage,
    private readonly mostListed = MOST_LISTED,
    private readonly mostFolders = MOST_FOLDERS,
  ) {}

  /**
   * The folder at `folder`, which ends in `/`; a folder that is not there has nothing in it. `wanted` is how the names
   * begin that are looked for: in a folder that holds more than can be listed, only those are.
   */
  async of(folder: URL, wanted: string): Promise<FolderListing> {
    const whole = await this.remember(folder.href, () => this.look(folder, this.storage.listFolder(folder)));
    if (!whole.isCut || wanted === '') return whole;
    const url = childUrl(folder, wanted);
    return this.remember(url.href, () => this.look(folder, entriesBelow(url, folder, this.storage)));
  }

  private remember(key: string, look: () => Promise<FolderListing>): Promise<FolderListing> {
    const known = this.known.get(key);
    if (known) return known;
    if (this.known.size >= this.mostFolders) {
      this.isCut = true;
      return Promise.resolve(NOTHING);
    }
    const listing = look();
    this.known.set(key, listing);
    return listing;
  }

  private async look(folder: URL, entries: AsyncIterable<FolderEntry>): Promise<FolderListing> {
    const files = new Map<string, ListedFile>();
    const folders = new Set<string>();
    let count = 0;
    for await (const { name, object, fault } of orNothing(entries, folder)) {
      if (fault) continue;
      count += 1;
      if (count > this.mostListed) return { files, folders: [...folders], isCut: true };
      if (object) files.set(name, listedFile(object));
      else folders.add(name);
    }
    return { files, folders: [...folders], isCut: false };
  }
}

/** Everything below `folder`, as deep as it goes. */
export function listBelow(folder: URL, storage: Storage): AsyncGenerator<ObjectInfo> {
  return orNothing(storage.list(folder), folder);
}

/** What a listing tells of an object. */
export function listedFile({ url, size, lastModified, etag }: ObjectInfo): ListedFile {
  return { url, size, modified: lastModified.toISOString(), etag };
}

/** Of `folder` itself, what begins as `prefix` does. */
async function* entriesBelow(prefix: URL, folder: URL, storage: Storage): AsyncGenerator<FolderEntry> {
  const start = pathOf(folder).length;
  for await (const object of storage.list(prefix)) {
    const name = pathOf(object.url).slice(start);
    if (!name.includes('/')) yield { name, object };
  }
}

function pathOf(url: URL): string {
  return url.protocol === 'file:' ? filePath(url) : bucketAndKey(url).key;
}

/** A path in a scene may be longer than any can be, or, on a disk, lead where nothing can be read: nothing lies there. */
async function* orNothing<T>(entries: AsyncIterable<T>, folder: URL): AsyncGenerator<T> {
  try {
    yield* entries;
  } catch (error) {
    const isNowhere =
      error instanceof StorageError && (error.code === 'bad-url' || folder.protocol === 'file:');
    if (!isNowhere) throw error;
  }
}
