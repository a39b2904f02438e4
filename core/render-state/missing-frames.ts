import { gapsSchema } from '../contract/gaps';
import { frameUrl, gapsUrl } from '../contract/keys';
import type { Manifest } from '../contract/manifest';
import { mapConcurrently } from '../map-concurrently';
import { framesOf } from '../render/frame-range';
import { readFailures } from '../storage/read-failures';
import { readRecord } from '../storage/read-record';
import type { Storage } from '../storage/storage';
import { storedFrames } from '../storage/stored-frames';

/** Objects that are asked about at a time. */
const AT_ONCE = 16;

/** What a render lacks. */
export interface MissingFrames {
  /** Frames that have no file, or one that the stitch job has found not to be whole; in the order of the film. */
  readonly missing: ReadonlySet<number>;
  /** Those of them that were given up. */
  readonly failed: ReadonlySet<number>;
}

/** Two listings, and a question for each file that `gaps.json` calls bad. */
export async function findMissingFrames(
  manifest: Pick<Manifest, 'frames'>,
  folder: URL,
  storage: Storage,
): Promise<MissingFrames> {
  const stored = await storedFrames(manifest, folder, storage);
  for (const frame of await badFrames(stored, folder, storage)) stored.delete(frame);
  const missing = new Set([...framesOf(manifest.frames)].filter((frame) => !stored.has(frame)));
  const { frames } = await readFailures(stored, folder, storage);
  return { missing, failed: new Set(frames.filter((frame) => missing.has(frame))) };
}

/** Frames whose files were there when the video was made, and are gaps in it: nothing has come in their place since. */
async function badFrames(stored: ReadonlySet<number>, folder: URL, storage: Storage): Promise<number[]> {
  const { at = '', gaps = [] } = (await readRecord(gapsSchema, gapsUrl(folder), storage)) ?? {};
  const suspects = gaps.map(({ frame }) => frame).filter((frame) => stored.has(frame));
  const bad = await mapConcurrently(suspects, AT_ONCE, async (frame) => {
    const head = await storage.head(frameUrl(folder, frame));
    return head && head.lastModified.getTime() <= Date.parse(at) ? [frame] : [];
  });
  return bad.flat();
}
