import { failureSchema } from '../contract/failure';
import { failuresFolder, failureUrl, frameOfFailure } from '../contract/keys';
import { mapConcurrently } from '../map-concurrently';
import { readRecord } from './read-record';
import type { Storage } from './storage';

/** Failures whose reasons are read, and how many at a time. */
const MOST_REASONS = 100;
const AT_ONCE = 16;

/** Frames that were given up. */
export interface FrameFailures {
  /** Ascending. */
  readonly frames: readonly number[];
  /** The first of them, and why. */
  readonly first: ReadonlyArray<{
    readonly frame: number;
    readonly reason: string;
    /** Files that it lacks; absent where it failed for another reason. */
    readonly missing?: readonly string[] | undefined;
  }>;
}

/** What `failures/` tells, in one listing; a frame that was stored after all did not fail. */
export async function readFailures(
  stored: ReadonlySet<number>,
  render: URL,
  storage: Storage,
): Promise<FrameFailures> {
  const frames: number[] = [];
  const folder = failuresFolder(render);
  for await (const { url } of storage.list(folder)) {
    const frame = frameOfFailure(url.pathname.slice(folder.pathname.length));
    if (frame !== undefined && !stored.has(frame)) frames.push(frame);
  }
  frames.sort((a, b) => a - b);
  const first = await mapConcurrently(frames.slice(0, MOST_REASONS), AT_ONCE, async (frame) => {
    const failure = await readRecord(failureSchema, failureUrl(render, frame), storage);
    return { frame, reason: failure?.reason ?? 'no reason was noted', missing: failure?.missing };
  });
  return { frames, first };
}
