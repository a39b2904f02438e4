import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeScratch } from '../../container/worker/scratch';
import { Shower } from '../../container/worker/showcase';
import { thumbnailArgs, type FrameLook } from '../../container/worker/showcase-args';
import { thumbnailUrl } from '../../core/contract/keys';
import { codeOf } from '../../core/errors';
import { removeFolder } from '../../core/storage/remove-folder';
import type { Storage } from '../../core/storage/storage';

/**
 * Small pictures of frames that were rendered for an estimate, in a folder of this machine: those that could be made, by frame.
 * Without an ffmpeg none.
 */
export async function makeThumbnails(
  frames: readonly number[],
  from: URL,
  into: URL,
  look: FrameLook,
  storage: Storage,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, URL>> {
  const made = new Map<number, URL>();
  const root = await mkdtemp(join(tmpdir(), 'spotreel-'));
  const scratch = await makeScratch(root);
  const context = {
    storage,
    environment: process.env,
    scratch,
    signal,
    say: () => undefined,
    now: () => new Date(),
  };
  try {
    const show = new Shower(scratch.own, context);
    for (const frame of frames) {
      const url = thumbnailUrl(into, frame);
      const isThere = (await storage.head(url)) !== undefined;
      const picture =
        isThere ||
        (await show.make(`${frame}.jpg`, url, 'image/jpeg', async (path) => {
          const [file] = await show.fetch([frame], from);
          if (file) await show.ffmpeg(thumbnailArgs(file.path, path, look));
          return file !== undefined;
        }));
      if (picture) made.set(frame, url);
    }
  } catch (error) {
    if (codeOf(error) !== 'no-program') throw error;
  } finally {
    removeFolder(root);
  }
  return made;
}
