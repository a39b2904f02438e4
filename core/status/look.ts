import { setTimeout as sleep } from 'node:timers/promises';
import { type MachineUsage, stitchSeconds, untilNow } from '../cost/receipt';
import { SliceDigests } from '../cost/slice-digests';
import { codeOf, messageOf, SpotreelError } from '../errors';
import { type Batch, countSlices } from '../jobs/batch';
import { SALVAGE_SECONDS } from '../render/records';
import type { Render } from '../render/render';
import { queueAround, turnOf } from '../watch-folder/queue';
import {
  askBatch,
  localHolder,
  lookHere,
  readJobRecords,
  readRenderRecords,
  type RenderRecords,
  type SeenJobs,
} from './facts';
import { isFinal, judgeWithReasons } from './judge';
import type { RenderState } from './render-state';

/** A render, and where it runs. */
export interface RenderPlace {
  readonly render: Render;
  /** AWS Batch; absent on this machine. */
  readonly batch?: Batch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Most seconds to wait for AWS Batch; 20 by default. */
  readonly lateSeconds?: number;
}

/**
 * Whether nothing more will come of a render. Cheap: no frames are listed. On one machine: no process renders it, and no watch
 * folder's queue holds it. In a bucket: its status says all there will be. A failed salvage job is not in the status, so AWS Batch
 * is asked about that.
 */
export async function hasEnded({ render, batch, now }: RenderPlace): Promise<boolean> {
  if (render.folder.protocol === 'file:') {
    // The queue first: a render leaves it only once it has ended.
    const isQueued = turnOf(render.renderId, queueAround(render)) !== undefined;
    return !isQueued && localHolder(render) === undefined;
  }
  const records = await readJobRecords(render);
  if (isFinal(records, now())) return true;
  const { status, salvage } = records;
  if (!batch || !status || salvage?.jobId === undefined) return false;
  // A user who may read the bucket, but not ask AWS Batch, waits for the status.
  const details = await batch.describeJobs([salvage.jobId]).catch(() => undefined);
  if (!details || now() - Date.parse(status.at) < SALVAGE_SECONDS * 1000) return false;
  return details.every((job) => job.status === 'FAILED');
}

/** Seconds to wait for AWS Batch by default. The next look uses a later answer. */
const LATE_SECONDS = 20;
const LATE = 'batch-late';

/** The result of one look at a render. */
export interface Look {
  readonly state: RenderState;
  /** Whether AWS Batch throttles requests. */
  readonly throttled: boolean;
  /** The newest frame. */
  readonly newestFrame?: URL;
  /** Machine time so far. */
  readonly usage: RenderUsage;
}

/** The machine time of a render, as a cost estimate needs it. */
export interface RenderUsage extends MachineUsage {
  /** Whether its slices run on machines with GPUs. */
  readonly onGpu: boolean;
}

/**
 * Looks at one render, once or repeatedly. A look makes at most one call of AWS Batch, lists frames and slices, and
 * reads slices that have changed. If AWS Batch fails or is late, the state reports that and its last answer.
 */
export class RenderLook {
  private readonly digests = new SliceDigests();
  private seen: SeenJobs | undefined;
  private asking: Promise<SeenJobs> | undefined;

  constructor(private readonly place: RenderPlace) {}

  /** `undefined` if the render does not exist. Throws what storage throws. */
  async look(): Promise<Look | undefined> {
    const { now } = this.place;
    const records = await readRenderRecords(this.place.render);
    if (!records) return undefined;
    const { seen, throttled } = await this.see(records);
    const figures = await this.digests.read(this.place.render);
    const { state, results } = await judgeWithReasons({ records, seen, figures }, now());
    const cap = this.place.batch && !state.ended ? await this.cap() : undefined;
    return {
      state: { ...state, ...(cap && { cap }) },
      throttled,
      newestFrame: results.newestFrame,
      usage: await this.usage(records, state),
    };
  }

  /** Users with access to renders may lack access to their caps. */
  private async cap(): Promise<RenderState['cap']> {
    const cap = await this.place.render.cap.readIfValid().catch((error: unknown) => {
      if (codeOf(error) === 'denied') return undefined;
      throw error;
    });
    return cap && { maxUsd: cap.maxUsd, reached: cap.stopped !== undefined };
  }

  private async usage({ plan }: RenderRecords, { ended, slices, state }: RenderState): Promise<RenderUsage> {
    const { now } = this.place;
    const noted = await this.place.render.stitchRecord.readIfValid();
    const stitch = noted && state === 'stitching' ? untilNow(noted, new Date(now())) : noted;
    return {
      ...this.digests.held(ended ? 0 : (slices?.running ?? 0), now()),
      stitchSeconds: stitchSeconds(stitch),
      onGpu: plan?.onGpu ?? false,
    };
  }

  private async see(
    records: RenderRecords,
  ): Promise<{ readonly seen: SeenJobs; readonly throttled: boolean }> {
    const { batch, now } = this.place;
    const place = batch ? 'farm' : 'here';
    try {
      const queue = batch ? undefined : queueAround(this.place.render);
      if (isFinal(records, now()) && turnOf(this.place.render.renderId, queue) === undefined)
        return { seen: { place }, throttled: false };
      this.seen = batch ? await this.ask(records, batch) : lookHere(records, queue);
      return { seen: this.seen, throttled: false };
    } catch (error) {
      if (!(error instanceof SpotreelError)) throw error;
      const fault = messageOf(error);
      return { seen: { place, ...this.last(records), fault }, throttled: codeOf(error) === 'throttled' };
    }
  }

  /** The last answer, if it is about the same jobs. */
  private last({ jobs }: RenderRecords): SeenJobs | undefined {
    return this.seen?.render?.jobId === jobs?.render.jobId ? this.seen : undefined;
  }

  /** One request at a time: a late answer is not requested twice. */
  private async ask(records: RenderRecords, batch: Batch): Promise<SeenJobs> {
    const before = this.last(records)?.render;
    const { succeeded = 0, failed = 0, running = 0 } = before ? countSlices(before) : {};
    this.asking ??= askBatch(records, batch, succeeded + failed + running);
    const { lateSeconds = LATE_SECONDS } = this.place;
    const stop = new AbortController();
    const late = sleep(lateSeconds * 1000, undefined, { signal: stop.signal }).then(
      () => {
        const message = `AWS Batch has not answered for ${lateSeconds} s`;
        throw new SpotreelError(LATE, 'passing', message);
      },
      () => new Promise<never>(() => undefined),
    );
    try {
      const seen = await Promise.race([this.asking, late]);
      this.asking = undefined;
      return seen;
    } catch (error) {
      if (codeOf(error) !== LATE) this.asking = undefined;
      throw error;
    } finally {
      stop.abort();
    }
  }
}
