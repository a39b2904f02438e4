import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { MasterEnding } from '../../core/contract/keys';
import { codeOf } from '../../core/errors';
import type { Resolution } from '../../core/render/resolution';
import { exrFault } from './exr-check';
import { jpegFault } from './jpeg-check';
import type { MasterBytes } from './master-bytes';

/** Of a link (`O_NOFOLLOW`), of nothing, and of a socket. */
const NO_FILE = new Set(['ELOOP', 'ENOENT', 'ENXIO']);

/**
 * A frame in the scene's own format, as Blender has saved it. It may be large, so it is never held in memory; and it is
 * opened once, because Blender, which a hostile scene may have taken over, could put a link to anything in its place between
 * the check and the upload.
 */
export class MasterFile {
  private constructor(
    private readonly savedPath: string,
    private readonly handle: FileHandle,
    private readonly size: number,
  ) {}

  /** `undefined` where there is no file; a link is none. */
  static async open(path: string): Promise<MasterFile | undefined> {
    // Not waiting for the other end of a pipe.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    try {
      const handle = await open(path, flags);
      const stats = await handle.stat();
      if (stats.isFile()) return new MasterFile(path, handle, stats.size);
      await handle.close();
      return undefined;
    } catch (error) {
      if (NO_FILE.has(codeOf(error) ?? '')) return undefined;
      throw error;
    }
  }

  /** Where programs and storage find the very file that was opened. Linux alone has such paths, as it alone has the sandbox. */
  get path(): string {
    return process.platform === 'linux' ? `/proc/self/fd/${this.handle.fd}` : this.savedPath;
  }

  /** What is wrong with it; `undefined` where it is whole. */
  async fault(ending: MasterEnding, expected: Resolution): Promise<string | undefined> {
    const bytes: MasterBytes = { size: this.size, read: (offset, length) => this.read(offset, length) };
    return ending === 'exr' ? exrFault(bytes, expected) : jpegFault(bytes, expected);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private async read(offset: number, length: number): Promise<Uint8Array> {
    const room = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - offset)));
    const { bytesRead } = await this.handle.read(room, 0, room.length, offset);
    return room.subarray(0, bytesRead);
  }
}
