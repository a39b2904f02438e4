import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { copyFile, type FileHandle, lstat, open, readdir, stat, unlink, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { codeOf, messageOf } from '../errors';
import { fileError, isPartial, localFileSize, writeWhole } from './file-writes';
import {
  type ByteSource,
  filePath,
  fileUrl,
  type FolderEntry,
  type ObjectHead,
  type ObjectInfo,
  type PutOptions,
  requireObject,
  sortByKey,
  type Storage,
  StorageError,
  type UploadOptions,
} from './storage';

/** `stat` calls at once while a folder is listed. Node's pool runs 4 of them, and the rest queue without a gap. */
const STATS_AT_ONCE = 64;

/** Bytes read at once for an ETag. */
const HASH_CHUNK = 1024 * 1024;

/** A missing file, or a path that uses a file as a folder. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR']);

/** Objects as files of this machine, at `file:` URLs. `contentType` and `metadata` are not kept. */
export class FileStorage implements Storage {
  protected readonly entryAt: typeof entryOf = entryOf;
  async head(url: URL): Promise<ObjectHead | undefined> {
    const path = filePath(requireObject(url));
    const handle = await openFile(path, url);
    if (!handle) return undefined;
    try {
      const { size, mtime } = await handle.stat();
      return { url, size, lastModified: mtime, etag: await md5(handle) };
    } catch (error) {
      throw fileError(error, path, 'read', url);
    } finally {
      await handle.close();
    }
  }

  async get(url: URL): Promise<Uint8Array> {
    const path = filePath(requireObject(url));
    const handle = await openFile(path, url);
    if (!handle) throw notFound(path, url);
    try {
      return await handle.readFile();
    } catch (error) {
      throw fileError(error, path, 'read', url);
    } finally {
      await handle.close();
    }
  }

  async put(url: URL, body: Uint8Array | string, options: PutOptions = {}): Promise<void> {
    const path = filePath(requireObject(url));
    await writeWhole(path, (partial) => writeFile(partial, body), this.conditionOf(url, options));
  }

  async open(url: URL): Promise<ByteSource> {
    const path = filePath(requireObject(url));
    const handle = await openFile(path, url);
    if (!handle) throw notFound(path, url);
    try {
      return new FileByteSource(url, path, handle, (await handle.stat()).size);
    } catch (error) {
      await handle.close();
      throw fileError(error, path, 'read', url);
    }
  }

  /** Links to files are listed, links that lead nowhere are not, and links to folders are not entered. */
  async *list(prefix: URL): AsyncGenerator<ObjectInfo> {
    const path = filePath(prefix);
    const nameStart = path.lastIndexOf(sep) + 1;
    yield* listFolder(path.slice(0, nameStart), path.slice(nameStart));
  }

  /** Lists links to files as objects, skips links to folders, and gives every other entry a fault. */
  async *listFolder(folder: URL, nameStart = ''): AsyncGenerator<FolderEntry> {
    const path = filePath(folder);
    const entries = await entriesOf(path, nameStart);
    for (const { name } of entries.filter((entry) => entry.isDirectory())) yield { name };
    const files = entries.filter((entry) => !entry.isDirectory());
    for (let start = 0; start < files.length; start += STATS_AT_ONCE) {
      const some = files.slice(start, start + STATS_AT_ONCE);
      const found = await Promise.all(some.map(({ name }) => this.entryAt(path, name)));
      yield* found.filter((entry) => entry !== undefined);
    }
  }

  async delete(url: URL): Promise<void> {
    const path = filePath(requireObject(url));
    try {
      await unlink(path);
    } catch (error) {
      if (!isAbsence(error)) throw fileError(error, path, 'write', url);
    }
  }

  async upload(path: string, url: URL, options: UploadOptions = {}): Promise<void> {
    const target = filePath(requireObject(url));
    const size = await localFileSize(path);
    // Shares the blocks where the file system can (Btrfs, XFS, APFS), else copies them.
    const copy = (partial: string) => copyFile(path, partial, constants.COPYFILE_FICLONE);
    await writeWhole(target, copy, this.conditionOf(url, options));
    options.onProgress?.(size);
  }

  /** The file itself: nothing is copied into `directory`. */
  async fetch(url: URL, _directory: string, etag?: string): Promise<string> {
    const path = filePath(requireObject(url));
    if (etag === undefined) {
      const handle = await openFile(path, url);
      if (!handle) throw notFound(path, url);
      await handle.close();
      return path;
    }
    const head = await this.head(url);
    if (!head) throw notFound(path, url);
    if (head.etag === etag) return path;
    const message = `${path} was changed since the render was submitted; run the command again to render it as it is now`;
    throw new StorageError('changed', url, message);
  }

  private conditionOf(url: URL, { ifAbsent, ifMatch, durable }: PutOptions) {
    const isWanted = async (): Promise<boolean> => (await this.head(url))?.etag === ifMatch;
    return { durable, ifAbsent, isWanted: ifMatch === undefined ? undefined : isWanted };
  }
}

/** Pins the opened file: reads continue after another file takes its name. */
class FileByteSource implements ByteSource {
  constructor(
    readonly url: URL,
    private readonly path: string,
    private readonly handle: FileHandle,
    readonly size: number,
  ) {}

  async read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    const bytes = room?.subarray(0, wanted) ?? Buffer.allocUnsafe(wanted);
    let filled = 0;
    try {
      while (filled < bytes.length) {
        const { bytesRead } = await this.handle.read(bytes, filled, bytes.length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (error) {
      throw fileError(error, this.path, 'read', this.url);
    }
    return bytes.subarray(0, filled);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Does not block on a pipe that replaces the file between two calls; a second `stat` then rejects it. */
const READ_AT_ONCE = constants.O_RDONLY | constants.O_NONBLOCK;

/** `undefined` for a missing file, a folder, or a pipe, socket or device, which it does not open. */
async function openFile(path: string, url: URL): Promise<FileHandle | undefined> {
  let handle: FileHandle | undefined;
  try {
    if (!(await stat(path)).isFile()) return undefined;
    handle = await open(path, READ_AT_ONCE);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return undefined;
  } catch (error) {
    await handle?.close();
    // ENXIO: a socket, or a missing device.
    if (isAbsence(error) || codeOf(error) === 'ENXIO') return undefined;
    throw fileError(error, path, 'read', url);
  }
}

async function md5(handle: FileHandle): Promise<string> {
  const hash = createHash('md5');
  const bytes = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: HASH_CHUNK });
  for await (const chunk of bytes) {
    const part: Buffer = chunk;
    hash.update(part);
  }
  return hash.digest('hex');
}

async function* listFolder(folder: string, nameStart: string): AsyncGenerator<ObjectInfo> {
  const entries = sortByKey(await entriesOf(folder, nameStart), keyOf);
  for (let start = 0; start < entries.length; start += STATS_AT_ONCE) {
    const some = entries.slice(start, start + STATS_AT_ONCE);
    const infos = await Promise.all(
      some.map(async (entry) => (entry.isDirectory() ? undefined : infoOf(join(folder, entry.name)))),
    );
    for (const [index, entry] of some.entries()) {
      const info = infos[index];
      if (entry.isDirectory()) yield* listFolder(join(folder, entry.name, sep), '');
      else if (info) yield info;
    }
  }
}

async function entriesOf(folder: string, nameStart: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.name.startsWith(nameStart) && !isPartial(entry.name));
  } catch (error) {
    if (isAbsence(error)) return [];
    throw fileError(error, folder, 'read');
  }
}

/** A folder sorts as its children do, whose keys continue with `/`. */
function keyOf(entry: Dirent): string {
  return entry.isDirectory() ? `${entry.name}/` : entry.name;
}

/** `undefined` for anything but a file, and for a file that was deleted since its folder was read. */
async function infoOf(path: string): Promise<ObjectInfo | undefined> {
  try {
    const stats = await stat(path);
    return stats.isFile() ? { url: fileUrl(path), size: stats.size, lastModified: stats.mtime } : undefined;
  } catch (error) {
    if (isAbsence(error) || codeOf(error) === 'ELOOP') return undefined;
    throw fileError(error, path, 'read');
  }
}

/** `undefined` for a link to a folder, and for an entry that was deleted since its folder was read. */
export async function entryOf(folder: string, name: string): Promise<FolderEntry | undefined> {
  const path = join(folder, name);
  try {
    const object = await infoOf(path);
    if (object) return { name, object };
  } catch (error) {
    return { name, fault: `cannot be read (${messageOf(error)})` };
  }
  const stats = await lstat(path).catch(() => undefined);
  // Node replaces bytes that are not UTF-8, and no file has the resulting name.
  if (!stats)
    return name.includes('\ufffd') ? { name, fault: 'has a name that is not valid UTF-8' } : undefined;
  if (!stats.isSymbolicLink()) return { name, fault: 'is not a regular file' };
  const target = await stat(path).catch(() => undefined);
  if (!target) return { name, fault: 'is a link that leads nowhere' };
  return target.isDirectory()
    ? undefined
    : { name, fault: 'is a link to something that is not a regular file' };
}

function isAbsence(error: unknown): boolean {
  return ABSENT.has(codeOf(error) ?? '');
}

function notFound(path: string, url: URL): StorageError {
  return new StorageError('not-found', url, `file ${path} does not exist; check the path`);
}

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/** `read` and `change` need an existing file; `append` makes one. */
const FLAGS = { read: O_RDONLY, change: O_RDWR, append: O_WRONLY | O_APPEND | O_CREAT } as const;

/** State files are far smaller. A larger file is not read, because it would fill the memory. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Opens a state file. Every user with write access to its folder can replace it, so this follows no link and does not wait for the
 * other end of a pipe. Throws the file system's error, `ELOOP` for a link, `ENXIO` for a pipe or device.
 */
export function openRegularFile(path: string, use: keyof typeof FLAGS): number {
  const file = openSync(path, FLAGS[use] | O_NOFOLLOW | O_NONBLOCK, 0o666);
  const stats = fstatSync(file);
  if (stats.isFile() || stats.isDirectory()) return file;
  closeSync(file);
  throw Object.assign(new Error('it is not a regular file'), { code: 'ENXIO' });
}

/** The bytes of a state file. Throws as `openRegularFile`, and `EFBIG` above 256 MiB. */
export function readRegularFile(path: string): Buffer {
  const file = openRegularFile(path, 'read');
  try {
    if (fstatSync(file).size > MOST_BYTES)
      throw Object.assign(new Error('it has more than 256 MiB'), { code: 'EFBIG' });
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Pins a file without opening it: asm-generic/fcntl.h, the same on every machine that Node runs on. */
const O_PATH = 0x20_0000;
const { O_DIRECTORY } = constants;

/** Most listings of the folder, in case another process still adds files. */
const MOST_PASSES = 10;

/** More folders than a render leaves, so that a process that adds folders cannot keep the removal going for ever. */
const MOST_FOLDERS = 1_000_000;

/**
 * Removes a folder and its content; does nothing if it is missing. On Linux it follows no link, even if another process
 * replaces a folder by a link meanwhile: each step starts at an open directory, not at a path. Only the path of the folder itself
 * must be out of reach of such a process. Throws the file system's error if something is left.
 */
export function removeFolder(path: string): void {
  if (!existsSync('/proc/self/fd')) return rmSync(path, { recursive: true, force: true });
  if (!inFolder(Buffer.from(path), empty)) return rmSync(path, { force: true });
  rmdirSync(path);
}

/** Moves each nested folder up to the top, so that only two directories are open for a tree of any depth. */
function empty(top: number): void {
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    const names = namesIn(top);
    if (names.length === 0) return;
    // Grows by the moved folders.
    for (const name of names) {
      if (isDone(() => unlinkSync(pathIn(top, name)))) continue;
      inFolder(pathIn(top, name), (folder) => {
        // One by one, because 130,000 arguments of one call would overflow the stack.
        for (const moved of moveUp(folder, top)) names.push(moved);
      });
      isDone(() => rmdirSync(pathIn(top, name)));
      if (names.length > MOST_FOLDERS) return;
    }
  }
}

/** Removes a folder's files, moves its folders to `top` and returns their new names. */
function moveUp(folder: number, top: number): Buffer[] {
  return namesIn(folder).flatMap((name) => {
    if (isDone(() => unlinkSync(pathIn(folder, name)))) return [];
    // Moving a folder needs write permission for it.
    inFolder(pathIn(folder, name), () => undefined);
    const moved = Buffer.from(randomUUID());
    return isDone(() => renameSync(pathIn(folder, name), pathIn(top, moved))) ? [moved] : [];
  });
}

/** Opens a folder despite its permissions and runs `work` on its descriptor. False if it is missing or not a folder. */
function inFolder(path: Buffer, work: (folder: number) => void): boolean {
  let pinned: number | undefined;
  let folder: number | undefined;
  try {
    pinned = openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    const link = `/proc/self/fd/${pinned}`;
    isDone(() => chmodSync(link, 0o700));
    folder = openSync(link, O_RDONLY | O_DIRECTORY);
    work(folder);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return false;
    throw error;
  } finally {
    for (const descriptor of [folder, pinned]) if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Names are bytes, not always UTF-8. */
function namesIn(folder: number): Buffer[] {
  return readdirSync(`/proc/self/fd/${folder}`, { encoding: 'buffer' });
}

function pathIn(folder: number, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), name]);
}

/** Whether `work` succeeded. The next pass, or the removal of the top folder, handles the rest. */
function isDone(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
