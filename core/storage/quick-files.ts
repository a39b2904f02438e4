import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { entryOf, FileStorage } from './file-storage';
import { fileError, realPlace } from './file-writes';
import { type ByteSource, filePath, fileUrl, requireObject } from './storage';

/** Mean milliseconds of a call to a disk of this machine; a network takes longer. */
const QUICK_MS = 0.5;

/** Calls after which the mean counts. */
const TRIED = 64;

/**
 * Calls to a disk for commands that look at thousands of files. Synchronous calls need a tenth of the CPU time of
 * asynchronous ones. On a slow disk, where they would wait for each other, the calls are asynchronous.
 */
export class QuickDisk {
  private calls = 0;
  private spentMs = 0;

  get isQuick(): boolean {
    return this.calls < TRIED || this.spentMs / this.calls < QUICK_MS;
  }

  timed<T>(work: () => T): T {
    const began = performance.now();
    try {
      return work();
    } finally {
      this.calls += 1;
      this.spentMs += performance.now() - began;
    }
  }

  /** As `realPlace` in file-writes.ts. */
  async realPlace(url: URL): Promise<URL | undefined> {
    if (url.protocol !== 'file:' || !this.isQuick) return realPlace(url);
    const path = filePath(url);
    try {
      const real = this.timed(() => realpathSync.native(path));
      return real === path ? url : fileUrl(real);
    } catch {
      return undefined;
    }
  }

  /** `undefined` for a file that is missing or unreachable. Follows links. */
  async stats(path: string): Promise<BigIntStats | undefined> {
    if (!this.isQuick) return stat(path, { bigint: true }).catch(() => undefined);
    try {
      return this.timed(() => statSync(path, { bigint: true, throwIfNoEntry: false }));
    } catch {
      return undefined;
    }
  }
}

/** Files of this machine, listed, opened and read as `QuickDisk` does. */
export class QuickFileStorage extends FileStorage {
  private readonly disk = new QuickDisk();

  protected override readonly entryAt: typeof entryOf = async (folder, name) => {
    const path = join(folder, name);
    const stats = this.disk.isQuick ? this.disk.timed(() => statOrNothing(path)) : undefined;
    return stats?.isFile() === true
      ? { name, object: { url: fileUrl(path), size: stats.size, lastModified: stats.mtime } }
      : entryOf(folder, name);
  };

  override async open(url: URL): Promise<ByteSource> {
    const path = filePath(requireObject(url));
    if (!this.disk.isQuick) return super.open(url);
    const opened = this.disk.timed(() => openFile(path));
    // Asynchronous calls report the fault.
    if (!opened) return super.open(url);
    const { file, size } = opened;
    return {
      url,
      size,
      read: async (offset, length, room) => {
        const wanted = Math.max(0, Math.min(length, size - offset));
        const bytes = room?.subarray(0, wanted) ?? Buffer.allocUnsafe(wanted);
        try {
          return this.disk.timed(() => bytes.subarray(0, fill(file, bytes, offset)));
        } catch (error) {
          throw fileError(error, path, 'read', url);
        }
      },
      close: async () => closeSync(file),
    };
  }
}

/** Asynchronous calls report why a file cannot be reached. */
function statOrNothing(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** `undefined` for a folder, pipe or device, which it does not open, and for a file that cannot be opened. */
function openFile(path: string): { readonly file: number; readonly size: number } | undefined {
  try {
    if (!statSync(path).isFile()) return undefined;
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(file);
    if (stats.isFile()) return { file, size: stats.size };
    closeSync(file);
    return undefined;
  } catch {
    return undefined;
  }
}

function fill(file: number, bytes: Uint8Array, offset: number): number {
  let filled = 0;
  while (filled < bytes.length) {
    const read = readSync(file, bytes, filled, bytes.length - filled, offset + filled);
    if (read === 0) break;
    filled += read;
  }
  return filled;
}
