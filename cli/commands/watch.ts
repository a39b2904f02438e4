import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, SpotreelError } from '../../core/errors';
import type { Look } from '../../core/render-state/render-look';
import { programVariable } from '../../container/worker/programs';
import { findExecutable } from '../../core/processes/find-executable';
import { openStorage } from '../../core/storage/open-storage';
import type { Storage } from '../../core/storage/storage';
import { CostTeller } from '../cost-teller';
import { describeState, STATE_EXIT } from '../describe-state';
import { createMeter, type Meter } from '../meter';
import { Pace, secondsLeft } from '../pace';
import { pictureProtocol } from '../picture/picture-protocol';
import { PictureView } from '../picture/picture-view';
import { findPlace, lookAtRender, type PlaceFlags } from '../place';
import { keepHeapSmall } from '../small-heap';
import { listenForStop } from '../stop-signals';
import { FIRST_WAIT_SECONDS, nextWaitSeconds } from '../watch-waits';
import { readingOf } from '../watch-reading';
import { WaitTeller } from '../wait-teller';

export interface WatchFlags extends PlaceFlags {
  readonly json?: boolean;
  /** Whether to show frames where the terminal can. */
  readonly picture?: boolean;
}

/** The next look is the repeat, so AWS Batch is called once a look; and what does not answer holds up nothing for long. */
const BATCH_CLIENT = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 10_000, socketTimeout: 30_000 },
};

/**
 * `spotreel watch [renderId]`: looks at a render until it has ended, less often while nothing changes. On standard error how
 * far it is; on standard output how it ended, with `--json` one object a line whenever something changed. Gives the exit code.
 */
export async function watchCommand(renderId: string | undefined, flags: WatchFlags): Promise<number> {
  keepHeapSmall();
  const stopping = listenForStop();
  const meter = createMeter(process.stderr, Date.now);
  try {
    const place = await findPlace(flags, BATCH_CLIENT);
    const costs = new CostTeller(place.farm);
    const waits = new WaitTeller(place.farm);
    const storage = openStorage();
    const picture = findPictureView(flags, storage);
    const watching = lookAtRender(renderId, place, storage).then(({ look }) =>
      watch(look, { meter, costs, waits, picture }, flags, stopping.signal),
    );
    const last = await unlessStopped(watching, stopping.signal);
    meter.stop();
    if (last) {
      const cost = await costs.costOf(last);
      if (!flags.json) process.stdout.write(`${describeState(last.state, Date.now(), cost)}\n`);
      return STATE_EXIT[last.state.state];
    }
    const who = place.batch ? 'the farm goes on' : 'what renders goes on';
    process.stderr.write(`stopped watching; ${who}, and the same command looks again\n`);
    // An answer that is late would hold the process up, and nobody wants it any more.
    return process.exit(stopping.exitCode());
  } finally {
    meter.stop();
    stopping.release();
  }
}

/** `undefined` once it was asked to stop, whatever still goes on then. */
function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  return Promise.race([work, stopped]);
}

/** Only where the terminal shows pictures and there is an ffmpeg that makes them small. */
function findPictureView({ json, picture = true }: WatchFlags, storage: Storage): PictureView | undefined {
  const protocol = pictureProtocol(process.env);
  if (json || !picture || !process.stderr.isTTY || !protocol) return undefined;
  const ffmpeg = findExecutable(process.env[programVariable('ffmpeg')] ?? 'ffmpeg', process.env.PATH);
  return ffmpeg === undefined
    ? undefined
    : new PictureView({ write, protocol, ffmpeg, storage, now: Date.now });
}

function write(text: string): void {
  process.stderr.write(text);
}

/** What is told of a render, and where. */
interface Shown {
  readonly meter: Meter;
  readonly costs: CostTeller;
  readonly waits: WaitTeller;
  readonly picture?: PictureView | undefined;
}

async function watch(
  look: () => Promise<Look>,
  { meter, costs, waits, picture }: Shown,
  { json }: WatchFlags,
  signal: AbortSignal,
): Promise<Look | undefined> {
  const pace = new Pace();
  let [shown, last]: [string, Look | undefined] = ['', undefined];
  for (let waitSeconds = FIRST_WAIT_SECONDS; !signal.aborted;) {
    const { seen, fault } = await lookOrTell(look, last);
    if (signal.aborted) return undefined;
    const { state, throttled = false } = seen ?? {};
    if (state && !fault) pace.add(Date.now(), state.frames?.stored ?? 0);
    const told = state && { ...waits.explainedSoFar(state), ...(fault !== undefined && { fault }) };
    const now = JSON.stringify(told ?? fault);
    if (seen && told) {
      const cost = await costs.costOf(seen);
      if (signal.aborted) return undefined;
      const framesPerMinute = pace.framesPerMinute();
      if (json && now !== shown)
        process.stdout.write(
          `${JSON.stringify({ ...told, framesPerMinute, secondsLeft: secondsLeft(told), cost })}\n`,
        );
      picture?.draw(() => meter.stop());
      if (!json) meter.show(readingOf(told, framesPerMinute, Date.now(), cost));
      if (told.ended && fault === undefined) return seen;
      picture?.offer(seen?.newestFrame);
    }
    waitSeconds = nextWaitSeconds(waitSeconds, { changed: now !== shown, throttled });
    [shown, last] = [now, seen];
    await sleep(waitSeconds * 1000, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** A passing fault of storage ends nothing: then what was seen last is told, and why no more. */
async function lookOrTell(
  look: () => Promise<Look>,
  last: Look | undefined,
): Promise<{ readonly seen: Look | undefined; readonly fault?: string }> {
  try {
    return { seen: await look() };
  } catch (error) {
    if (!(error instanceof SpotreelError) || error.kind !== 'passing') throw error;
    return { seen: last, fault: messageOf(error) };
  }
}
