import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import { programVariable } from '../../container/worker/programs';
import { messageOf, SpotreelError } from '../../core/errors';
import { findExecutable } from '../../core/processes/run-program';
import { Render } from '../../core/render/render';
import type { Look } from '../../core/status/look';
import { openStorage } from '../../core/storage/open-storage';
import type { Storage } from '../../core/storage/storage';
import { printable } from '../../core/text';
import { describeState, Pace, renderReading, secondsLeft, STATE_EXIT } from '../status/describe-state';
import { explain, type Run, withOptionalRenderId, withPlaceOptions } from '../help';
import { createMeter, listenForStop, type Meter, print } from '../output';
import { pictureProtocol, PictureView } from '../picture';
import { findPlace, findToOpen, linesToOpen, lookAtRender, type PlaceFlags } from '../place';
import { CostReporter, WaitReporter } from '../status/reporters';

/**
 * Lets V8 collect garbage early in a program that runs for hours: 10,000 short-lived objects would otherwise hold 150
 * MB. The young generation keeps its initial 1 MB.
 * https://nodejs.org/docs/latest-v20.x/api/v8.html#v8setflagsfromstringflags
 */
function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--optimize-for-size');
}

/** Seconds between looks while the state changes, and at most while it does not. */
export const FIRST_WAIT_SECONDS = 2;
const MOST_SECONDS = 30;

/** Throttled: AWS Batch serves the whole account, its own scheduling included. */
const LEAST_THROTTLED_SECONDS = 15;
const MOST_THROTTLED_SECONDS = 120;

/** Seconds until the next look, from the previous wait. Pure. */
export function nextWaitSeconds(
  before: number,
  { changed, throttled }: { readonly changed: boolean; readonly throttled: boolean },
): number {
  if (throttled) return Math.min(MOST_THROTTLED_SECONDS, Math.max(LEAST_THROTTLED_SECONDS, before * 2));
  return changed ? FIRST_WAIT_SECONDS : Math.min(MOST_SECONDS, before * 1.5);
}

interface WatchFlags extends PlaceFlags {
  readonly json?: boolean;
  /** Whether to show frames if the terminal can. */
  readonly picture?: boolean;
}

/** No retries: the next look repeats the call. Timeouts keep a silent endpoint from blocking. */
const BATCH_CLIENT = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 10_000, socketTimeout: 30_000 },
};

/**
 * `spotreel watch [renderId]`: shows progress on standard error until the render ends, then the result on standard
 * output. `--json` prints one object per change. Returns the exit code.
 */
export async function watchCommand(renderId: string | undefined, flags: WatchFlags): Promise<number> {
  keepHeapSmall();
  const stopping = listenForStop();
  const meter = createMeter(process.stderr, Date.now);
  try {
    const place = await findPlace(flags, BATCH_CLIENT);
    const costs = new CostReporter(place.farm);
    const waits = new WaitReporter(place.farm);
    const storage = openStorage();
    const picture = findPictureView(flags, storage);
    const watching = lookAtRender(renderId, place, storage).then(({ look }) =>
      watch(look, { meter, costs, waits, picture }, flags, stopping.signal),
    );
    const last = await unlessStopped(watching, stopping.signal);
    meter.stop();
    if (last) {
      const cost = await costs.costOf(last);
      if (!flags.json) {
        const render = Render.at(place.output, last.state.renderId, storage);
        const toOpen = await findToOpen(render, last.state.frames?.total);
        const lines = [describeState(last, Date.now(), cost), ...linesToOpen(toOpen).map(printable)];
        print(lines.join('\n'), process.stdout);
      }
      return STATE_EXIT[last.state.state];
    }
    const who = place.batch ? 'the farm continues' : 'the render continues';
    process.stderr.write(`stopped watching; ${who}\n`);
    // A late answer would only delay the end of the process.
    return process.exit(stopping.exitCode());
  } finally {
    meter.stop();
    stopping.release();
  }
}

/** `undefined` once the user asked to stop, even if the work still runs. */
function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  return Promise.race([work, stopped]);
}

/** `undefined` if the terminal shows no pictures or ffmpeg is missing. */
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

/** What watch shows of a render, and where. */
interface Shown {
  readonly meter: Meter;
  readonly costs: CostReporter;
  readonly waits: WaitReporter;
  readonly picture?: PictureView;
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
    const { seen, fault } = await lookOrReport(look, last);
    if (signal.aborted) return undefined;
    const { state, throttled = false } = seen ?? {};
    if (state && !fault) pace.add(Date.now(), state.frames?.stored ?? 0);
    const shownState = state && { ...waits.explainedSoFar(state), ...(fault !== undefined && { fault }) };
    const now = JSON.stringify(shownState ?? fault);
    if (seen && shownState) {
      const cost = await costs.costOf(seen);
      if (signal.aborted) return undefined;
      const framesPerMinute = pace.framesPerMinute();
      if (json && now !== shown)
        process.stdout.write(
          `${JSON.stringify({ ...shownState, framesPerMinute, secondsLeft: secondsLeft(shownState), cost })}\n`,
        );
      picture?.draw(() => meter.stop());
      if (!json) meter.show(renderReading(shownState, framesPerMinute, Date.now(), cost));
      if (shownState.ended && fault === undefined) return seen;
      picture?.offer(seen?.newestFrame);
    }
    waitSeconds = nextWaitSeconds(waitSeconds, { changed: now !== shown, throttled });
    [shown, last] = [now, seen];
    await sleep(waitSeconds * 1000, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** A passing storage fault ends nothing: watch then shows the last state and the fault. */
async function lookOrReport(
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

export function addWatch(command: Command, run: Run): void {
  withOptionalRenderId(command)
    .option('--json', 'print one JSON object per line at every change')
    .option('--no-picture', 'do not show frames, even if the terminal can')
    .action((renderId: string | undefined, flags: WatchFlags) =>
      run(async () => watchCommand(renderId, flags)),
    );
  explain(withPlaceOptions(command), {
    notes:
      'Ctrl-C stops watching; the render continues. ' +
      'If ffmpeg is installed, terminals with inline images show the newest frame (iTerm2, WezTerm, kitty, Ghostty). ' +
      'While nothing runs, watch looks for the reason every 5 minutes, as "spotreel status" does.',
    exitCodes: [
      [0, 'complete'],
      [1, 'failed, refused, stopped or unknown'],
      [2, 'wrong usage'],
      [3, 'partial: frames or sound are missing'],
      [130, 'interrupted; the render continues'],
    ],
    examples: ['spotreel watch', 'spotreel watch shot-1a2b3c4d && echo the film is complete'],
  });
}
