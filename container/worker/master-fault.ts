import { open } from 'node:fs/promises';
import type { MasterEnding } from '../../core/contract/keys';
import type { Resolution } from '../../core/render/resolution';
import { exrFault } from './exr-check';
import { jpegFault } from './jpeg-check';
import type { MasterBytes } from './master-bytes';

/**
 * What is wrong with a frame in the scene's own format; `undefined` where it is whole. `path` must be in a folder that only the worker
 * can write to. The file may be large, so it is never held in memory.
 */
export async function masterFault(
  path: string,
  ending: MasterEnding,
  expected: Resolution,
): Promise<string | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const bytes: MasterBytes = {
      size,
      read: async (offset, length) => {
        const room = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
        const { bytesRead } = await file.read(room, 0, room.length, offset);
        return room.subarray(0, bytesRead);
      },
    };
    return await (ending === 'exr' ? exrFault(bytes, expected) : jpegFault(bytes, expected));
  } finally {
    await file.close();
  }
}
