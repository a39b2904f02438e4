import { mapConcurrently } from '../concurrency';
import { messageOf } from '../errors';
import { parseJson, type Schema } from '../json';
import { denialReason } from '../storage/file-writes';
import { formatLocation, type ObjectInfo, type Storage, StorageError } from '../storage/storage';
import { framesOf } from './frames';
import {
  failuresFolder,
  failureUrl,
  frameOfFailure,
  frameOfName,
  framesFolder,
  gapsUrl,
  isFileOutput,
  outputsFolder,
  retriesFolder,
  retryOfName,
  retryUrl,
} from './keys';
import type { Manifest } from './manifest';
import { failureSchema, type Gaps, parseGaps, parseRetryPlan, type RetryPlan } from './records';

/** A small object as it was found: what it holds, or why it cannot be used. Both are absent where there is none. */
export interface FoundRecord<T> {
  readonly record?: T;
  /** In one line, without the object's name. */
  readonly damage?: string;
}

/** A small object; `undefined` where it is not there, or is not what it should be. */
export async function readRecord<T>(schema: Schema<T>, url: URL, storage: Storage): Promise<T | undefined> {
  return (await findRecord(schema, url, storage)).record;
}

/** The same for who reports damage. A file of this machine that may not be read counts as damaged. */
export async function findRecord<T>(schema: Schema<T>, url: URL, storage: Storage): Promise<FoundRecord<T>> {
  try {
    return { record: parseJson(schema, await storage.get(url), (reason) => new SyntaxError(reason)) };
  } catch (error) {
    if (error instanceof SyntaxError) return { damage: messageOf(error) };
    if (!(error instanceof StorageError)) throw error;
    if (error.code === 'not-found') return {};
    if (error.code === 'denied' && url.protocol === 'file:') return { damage: denialReason(error) };
    throw error;
  }
}

/** `status.json is damaged (it is no JSON)`, for people. */
export function describeDamage(url: URL, damage: string): string {
  return `${formatLocation(url)} is damaged (${damage})`;
}

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

/** What `gaps.json` of a render says; `undefined` where there is none. Throws `bad-gaps` naming it. */
export async function readGaps(render: URL, storage: Storage): Promise<Gaps | undefined> {
  const url = gapsUrl(render);
  try {
    return parseGaps(await storage.get(url), formatLocation(url));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** The same, of a job that was created then (milliseconds since 1970): what an earlier one left says nothing of it. */
export async function readGapsSince(
  createdAt: number | undefined,
  render: URL,
  storage: Storage,
): Promise<Gaps | undefined> {
  const gaps = await readGaps(render, storage);
  return gaps && createdAt !== undefined && Date.parse(gaps.at) >= createdAt ? gaps : undefined;
}

/** The number of the last retry that was planned; 0 where none was. */
export async function lastRetry(render: URL, storage: Storage): Promise<number> {
  const folder = retriesFolder(render);
  let last = 0;
  for await (const { url } of storage.list(folder)) {
    last = Math.max(last, retryOfName(url.pathname.slice(folder.pathname.length)) ?? 0);
  }
  return last;
}

/** Throws `not-found`, `bad-retry`. */
export async function readRetryPlan(render: URL, number: number, storage: Storage): Promise<RetryPlan> {
  const url = retryUrl(render, number);
  return parseRetryPlan(await storage.get(url), formatLocation(url));
}

/** The plans of the retries up to this one, ascending. Throws `not-found`, `bad-retry`. */
export function readRetryPlans(render: URL, last: number, storage: Storage): Promise<RetryPlan[]> {
  return Promise.all(Array.from({ length: last }, (_, i) => readRetryPlan(render, i + 1, storage)));
}

/**
 * Frames of the plan that have a file in the render's folder; whether the files are whole is another question. `onFrame` is told
 * of each.
 */
export async function storedFrames(
  manifest: Pick<Manifest, 'frames'>,
  render: URL,
  storage: Storage,
  onFrame: (info: ObjectInfo) => void = () => undefined,
): Promise<Set<number>> {
  const wanted = new Set(framesOf(manifest.frames));
  const stored = new Set<number>();
  const folder = framesFolder(render);
  for await (const info of storage.list(folder)) {
    const frame = frameOfName(info.url.pathname.slice(folder.pathname.length));
    if (frame === undefined || !wanted.has(frame)) continue;
    stored.add(frame);
    onFrame(info);
  }
  return stored;
}

/** Folders of File Output nodes that a render has files of, sorted; one request for each 1,000 nodes. */
export async function outputNodes(render: URL, storage: Storage): Promise<string[]> {
  const nodes: string[] = [];
  for await (const { name, object, fault } of storage.listFolder(outputsFolder(render))) {
    if (!object && fault === undefined && isFileOutput({ node: name, file: 'a' })) nodes.push(name);
  }
  return nodes.toSorted();
}
