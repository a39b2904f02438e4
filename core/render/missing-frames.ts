import { mapConcurrently } from '../concurrency';
import type { Storage } from '../storage/storage';
import { framesOf } from './frames';
import { frameUrl, gapsUrl } from './keys';
import type { Manifest } from './manifest';
import { readFailures, readRecord, storedFrames } from './read-files';
import { gapsSchema } from './records';
import { childrenOfFrames } from './slices';

/** Objects that are asked about at a time. */
const AT_ONCE = 16;

/** What a render lacks. */
interface MissingFrames {
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

/** Which of the missing frames are asked for; all of them where nothing is said. */
export interface AskedFrames {
  readonly frames?: ReadonlySet<number> | undefined;
  /** Only those that were given up. */
  readonly failed?: boolean | undefined;
}

/** What a retry renders. */
export interface RetryChoice {
  /** Array indexes of the slices that lack them, ascending. */
  readonly slices: readonly number[];
  /** In the order of the film. */
  readonly frames: readonly number[];
  /** Whether others will be missing all the same. */
  readonly partial: boolean;
}

/** Pure. */
export function chooseRetry(
  manifest: Manifest,
  { missing, failed }: MissingFrames,
  asked: AskedFrames,
): RetryChoice {
  const frames = [...missing].filter(
    (frame) => (!asked.frames || asked.frames.has(frame)) && (!asked.failed || failed.has(frame)),
  );
  const slices = new Set(childrenOfFrames(new Set(frames), manifest).values());
  return {
    slices: [...slices].toSorted((a, b) => a - b),
    frames,
    partial: frames.length < missing.size,
  };
}
