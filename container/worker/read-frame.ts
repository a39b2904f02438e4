import { frameUrl } from '../../core/contract/keys';
import type { Resolution } from '../../core/render/resolution';
import { StorageError, type Storage } from '../../core/storage/storage';
import type { ReadFrame } from './fill-gaps';
import { frameFault, type FrameCheck } from './frame-check';

/** A frame from storage with its bytes, or what is wrong with it; neither where it is not there. */
export async function readFrame(
  frame: number,
  folder: URL,
  resolution: Resolution,
  storage: Storage,
  check: FrameCheck = frameFault,
): Promise<ReadFrame> {
  try {
    const bytes = await storage.get(frameUrl(folder, frame));
    const fault = await check(bytes, resolution);
    return fault === undefined ? { frame, bytes } : { frame, fault };
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return { frame };
    throw error;
  }
}
