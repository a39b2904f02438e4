import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, type FileHandle, lstat, open, rm, stat, unlink } from 'node:fs/promises';
import { codeOf, SpotreelError } from '../../../core/errors';
import type { PictureEnding } from '../../../core/render/keys';
import type { Resolution } from '../../../core/render/video';
import type { ByteSource } from '../../../core/storage/storage';

/** A file in a folder that an untrusted program can write to. */
export interface SavedFile {
  readonly path: string;
  /** The program and what it saved, for messages: "Blender", "frame 12". */
  readonly writer: string;
  readonly name: string;
  /** A larger file is refused. Bytes. */
  readonly mostBytes: number;
}

/** Code of the `SpotreelError` (of kind `scene`) for a file that is refused. */
export const UNSAFE_FILE = 'unsafe-file';

/** Bytes copied at once. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * The bytes of a saved file, in memory. Accepts only a regular file with a single name and a bounded size: it follows no
 * link and waits for no pipe. Throws `unsafe-file` with the reason.
 */
export function takeBytes(saved: SavedFile): Promise<Buffer> {
  return withOpened(saved, async (file, size) => {
    const bytes = Buffer.allocUnsafe(size);
    for (let offset = 0; offset < size;)
      offset += await readInto(file, bytes.subarray(offset), offset, saved);
    return bytes;
  });
}

/**
 * Copies a saved file, under the rules of `takeBytes`, to a new file at `target`. The folder of `target` must exist, and no
 * untrusted program may write to it. The copy shares blocks with the file if the file system can.
 */
export async function takeCopy(saved: SavedFile, target: string): Promise<void> {
  await rm(target, { force: true });
  try {
    await withOpened(saved, async (file, size) => {
      if (await clone(file, saved, target)) {
        if ((await stat(target)).size !== size) throw changed(saved);
      } else await copy(file, size, saved, target);
    });
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  }
}

/** Removes a file from an untrusted folder. Keeps folders: removing their contents could follow a link. */
export async function removeSaved(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

async function withOpened<T>(
  saved: SavedFile,
  work: (file: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  const file = await openSaved(saved);
  try {
    const stats = await file.stat();
    checkKind(stats, saved);
    if (stats.size > saved.mostBytes) throw tooLarge(stats.size, saved);
    const result = await work(file, stats.size);
    if ((await file.stat()).size !== stats.size) throw changed(saved);
    return result;
  } finally {
    await file.close();
  }
}

async function openSaved(saved: SavedFile): Promise<FileHandle> {
  try {
    // Checked before it is opened, because opening a device can have effects. The opened file is checked again.
    checkKind(await lstat(saved.path), saved);
    return await open(saved.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    switch (codeOf(error)) {
      case 'ENOENT':
        throw refusal(`${saved.writer} reported ${saved.name} as saved but wrote no file`);
      case 'EACCES':
        throw refusal(`${saved.writer} saved ${saved.name} as a file that Spotreel may not read`);
      case 'ELOOP':
      case 'ENXIO':
        throw changed(saved);
      default:
        throw error;
    }
  }
}

function checkKind(stats: Stats, { writer, name }: SavedFile): void {
  const kind = kindOf(stats);
  if (kind !== undefined) throw refusal(`${writer} saved ${name} as ${kind}, not a file`);
  if (stats.nlink > 1) throw refusal(`${writer} saved ${name} as a hard link to another file`);
}

/** `undefined` for a regular file. */
function kindOf(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a named pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** Clones the opened file, even if its name was replaced. Only Linux has such paths, and only Linux has the sandbox. */
async function clone(file: FileHandle, { path }: SavedFile, target: string): Promise<boolean> {
  const opened = process.platform === 'linux' ? `/proc/self/fd/${file.fd}` : path;
  try {
    await copyFile(opened, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    // The clone has the original's permissions.
    await chmod(target, 0o600);
    return true;
  } catch {
    await rm(target, { force: true });
    return false;
  }
}

/** Copies exactly `size` bytes. */
async function copy(file: FileHandle, size: number, saved: SavedFile, target: string): Promise<void> {
  const copied = await open(target, 'wx', 0o600);
  try {
    const room = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size));
    for (let offset = 0; offset < size;) {
      const part = room.subarray(0, size - offset);
      const length = await readInto(file, part, offset, saved);
      await copied.writeFile(part.subarray(0, length));
      offset += length;
    }
  } finally {
    await copied.close();
  }
}

/** The number of bytes read, at least one. */
async function readInto(file: FileHandle, room: Buffer, offset: number, saved: SavedFile): Promise<number> {
  const { bytesRead } = await file.read(room, 0, room.length, offset);
  if (bytesRead === 0) throw changed(saved);
  return bytesRead;
}

function tooLarge(size: number, { writer, name, mostBytes }: SavedFile): SpotreelError {
  return refusal(`${writer} saved ${name} with ${size} bytes; Spotreel accepts ${mostBytes} bytes at most`);
}

function changed({ writer, name }: SavedFile): SpotreelError {
  return refusal(`${writer} changed the file of ${name} while Spotreel read it`);
}

function refusal(reason: string): SpotreelError {
  return new SpotreelError(UNSAFE_FILE, 'scene', reason);
}

/** A picture file, read piece by piece. */
export type MasterBytes = Pick<ByteSource, 'size' | 'read'>;

/**
 * What is wrong with a picture file; `undefined` if its structure is whole. Does not decode it. Without `expected` it may
 * have any size in pixels.
 */
export type PictureCheck = (file: MasterBytes, expected?: Resolution) => Promise<string | undefined>;

/** What is wrong with a picture's size in pixels; `undefined` if it is as expected or `expected` is absent. */
export function sizeFault(size: Resolution, expected: Resolution | undefined): string | undefined {
  if (size.width < 1 || size.height < 1) return 'it has no pixels';
  if (!expected || (size.width === expected.width && size.height === expected.height)) return undefined;
  return `it is ${size.width}×${size.height}, not ${expected.width}×${expected.height}`;
}

/** Exactly `length` bytes at `offset`. Throws if the file is shorter. */
export async function readExactly(file: MasterBytes, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.from(await file.read(offset, length));
  if (bytes.length < length) throw new Error('it is cut off');
  return bytes;
}

const MIB = 1024 * 1024;

/** Four samples of 16 bits, plus a quarter for data that does not compress. */
const FRAME_BYTES_PER_PIXEL = 10;

/** 256 passes of four samples of 32 bits: more than any render has. */
const MASTER_BYTES_PER_PIXEL = 4096;

/** Bytes that every supported Node can read at once and hold in one buffer. */
const MOST_READ_BYTES = 2 ** 31 - 1;

const unpackedBytes = ({ width, height }: Resolution): number =>
  width * height * FRAME_BYTES_PER_PIXEL + 16 * MIB;

/** Bytes of a frame (PNG, JPEG) at most, with 16 MiB for metadata. A frame is held in memory. */
export const mostFrameBytes = (resolution: Resolution): number =>
  Math.min(MOST_READ_BYTES, unpackedBytes(resolution));

/** Bytes of an OpenEXR master at most, with 64 MiB for headers. */
const mostMasterBytes = ({ width, height }: Resolution): number =>
  width * height * MASTER_BYTES_PER_PIXEL + 64 * MIB;

/** Bytes of a picture of this kind at most. */
export const mostPictureBytes = (resolution: Resolution, ending: PictureEnding): number =>
  (ending === 'exr' ? mostMasterBytes : mostFrameBytes)(resolution);

/** Bytes of a File Output node's picture at most: it may be larger than the frame, so the OpenEXR limit applies. */
export const mostOutputBytes = mostMasterBytes;

/** Bytes of a video with sound at most: as many as its unpacked frames. */
export const mostVideoBytes = (resolution: Resolution, frameCount: number): number =>
  unpackedBytes(resolution) * frameCount;

/** Bytes of a FLAC file at most: 48 kHz, two channels, 24 bits, twice over. */
export const mostSoundBytes = (seconds: number): number => Math.ceil(seconds) * 48_000 * 2 * 3 * 2 + 16 * MIB;

/** Bytes of a poster, contact sheet or preview at most; each is held in memory. */
export const MOST_SHOWN_BYTES = 512 * MIB;
