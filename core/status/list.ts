import { mapConcurrently } from '../concurrency';
import { messageOf, SpotreelError } from '../errors';
import type { Batch, JobDetail } from '../jobs/batch';
import { describeLacking } from '../render/frames';
import type { MissingFiles } from '../render/records';
import { Render } from '../render/render';
import type { Storage } from '../storage/storage';
import { lookAtQueue, type QueueLook, turnOf } from '../watch-folder/queue';
import {
  jobIdsOf,
  lookHere,
  type Plan,
  readRenderRecords,
  type RenderRecords,
  type SeenJobs,
  seenOnFarm,
} from './facts';
import { isFinal, judgeWithReasons } from './judge';
import type { RenderState, StateName } from './render-state';

/** Renders that are read at a time: some small objects each. */
const AT_ONCE = 16;

/** A render in a list of many. */
export interface ListedRender {
  readonly renderId: string;
  readonly state: StateName;
  /** The name that it shares with the renders of other cameras. */
  readonly group?: string;
  readonly camera?: string;
  readonly reason?: string;
  /** Files that frames were rendered without. */
  readonly missingFiles?: RenderState['missingFiles'];
  readonly frames?: { readonly total: number; readonly stored: number };
  /** When it was planned or refused, ISO 8601; absent if its plan cannot be read. */
  readonly createdAt?: string;
  readonly video?: string;
}

type Listable = Pick<ListedRender, 'renderId' | 'createdAt'>;

/** The folder of renders, and AWS Batch if they run there. */
export interface ListPlace {
  readonly output: URL;
  readonly storage: Storage;
  readonly batch?: Batch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Every render in a place, newest first. A render that has ended takes three small requests, others also a listing of
 * frames. AWS Batch is asked about up to 100 jobs per call. If AWS Batch fails or a plan cannot be read, the renders
 * concerned report it. Throws what storage throws.
 */
export async function listRenders(place: ListPlace): Promise<ListedRender[]> {
  const { output, storage, batch, now } = place;
  const renders = await rendersIn(output, storage);
  const queue = batch ? undefined : queueOrNone(output);
  const open: RenderRecords[] = [];
  const listed = await mapConcurrently(renders, AT_ONCE, async (render) => {
    try {
      const records = await readRenderRecords(render);
      if (!records) return undefined;
      if (isFinal(records, now()) && turnOf(render.renderId, queue) === undefined)
        return listEnded(records, await render.missingFiles.readIfValid());
      open.push(records);
      return undefined;
    } catch (error) {
      return unknownRender(render.renderId, error, output);
    }
  });
  const described = batch ? await describeAll(open, batch) : { details: [] };
  const judged = await mapConcurrently(open, AT_ONCE, async (records) => {
    try {
      const seen = batch
        ? { ...seenOnFarm(records, described.details), fault: described.fault }
        : lookOrReport(records, queue);
      const { state } = await judgeWithReasons({ records, seen }, now());
      return { ...listJudged(state), ...cameraOf(records) };
    } catch (error) {
      return unknownRender(records.render.renderId, error, output);
    }
  });
  return [...listed.filter((one) => one !== undefined), ...judged].toSorted(newestFirst);
}

/** A render that cannot be read. On a disk the fault is limited to this render. Throws other errors. */
function unknownRender(renderId: string, error: unknown, output: URL): ListedRender {
  if (!(error instanceof SpotreelError)) throw error;
  if (error.kind === 'passing' && output.protocol !== 'file:') throw error;
  return { renderId, state: 'unknown', reason: messageOf(error) };
}

function queueOrNone(output: URL): QueueLook | undefined {
  try {
    return lookAtQueue(output);
  } catch (error) {
    if (!(error instanceof SpotreelError)) throw error;
    return undefined;
  }
}

/** The id of the newest render, planned or refused; `undefined` without any. Does not ask AWS Batch. */
export async function newestRender(output: URL, storage: Storage): Promise<string | undefined> {
  const renders = await rendersIn(output, storage);
  const found = await mapConcurrently(renders, AT_ONCE, async (render) => {
    const createdAt = await render.createdAt();
    return createdAt === undefined ? undefined : { renderId: render.renderId, createdAt };
  });
  return found.filter((one) => one !== undefined).toSorted(newestFirst)[0]?.renderId;
}

async function rendersIn(output: URL, storage: Storage): Promise<Render[]> {
  const renders: Render[] = [];
  for await (const render of Render.all(output, storage)) renders.push(render);
  return renders;
}

async function describeAll(
  renders: readonly RenderRecords[],
  batch: Batch,
): Promise<{ readonly details: readonly JobDetail[]; readonly fault?: string }> {
  const ids = renders.flatMap((records) => jobIdsOf(records, 0, 0));
  try {
    return { details: ids.length === 0 ? [] : await batch.describeJobs(ids) };
  } catch (error) {
    if (!(error instanceof SpotreelError)) throw error;
    return { details: [], fault: messageOf(error) };
  }
}

function lookOrReport(records: RenderRecords, queue: QueueLook | undefined): SeenJobs {
  try {
    return lookHere(records, queue);
  } catch (error) {
    if (!(error instanceof SpotreelError)) throw error;
    return { place: 'here', fault: messageOf(error) };
  }
}

function listEnded({ render, plan, status }: RenderRecords, lacking: MissingFiles | undefined): ListedRender {
  const { state, reason, frames, at, links } = status!;
  return {
    renderId: render.renderId,
    state,
    reason: [reason, lacking && describeLacking(lacking)].filter(Boolean).join('; ') || undefined,
    ...(lacking && { missingFiles: { frames: lacking.frames, count: lacking.count, files: lacking.files } }),
    frames: frames && { total: frames.total, stored: frames.stored },
    createdAt: plan?.createdAt ?? at,
    video: links.video,
    ...cameraOf({ plan }),
  };
}

function cameraOf({ plan: { group, camera } = {} }: { readonly plan?: Partial<Plan> }) {
  return { group, camera };
}

function listJudged(judged: RenderState): ListedRender {
  const { renderId, state, reason, fault, frames, createdAt, links, missingFiles } = judged;
  return {
    renderId,
    state,
    reason: reason ?? fault,
    ...(missingFiles && { missingFiles }),
    frames: frames && { total: frames.total, stored: frames.stored },
    createdAt,
    video: links.video,
  };
}

function newestFirst(a: Listable, b: Listable): number {
  const [left, right] = [a.createdAt ?? '', b.createdAt ?? ''];
  if (left !== right) return left < right ? 1 : -1;
  return a.renderId < b.renderId ? -1 : 1;
}
