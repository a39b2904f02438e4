import { findProgram } from '../../container/worker/programs';
import type { RenderPrices } from '../../core/cost/render-cost';
import { describeSpread } from '../../core/cost/describe-cost';
import { formatUsd } from '../../core/format-usd';
import { messageOf, SpotreelError } from '../../core/errors';
import { formatLocation } from '../../core/storage/location';
import type { Storage } from '../../core/storage/storage';
import { divideMachine } from '../local/machine';
import { localFolder } from '../local-folder';
import type { FarmSize } from './asked-farm';
import type { Estimate } from './estimate-shot';
import { ESTIMATES } from './estimates-folder';
import { makeEstimate } from './make-estimate';
import type { Shot } from './shot';

export interface CostCheck {
  /** US dollars that the shot may cost. */
  readonly maxUsd: number;
  /** 0 to check nothing. */
  readonly testFrames: number;
  readonly farm: FarmSize;
  readonly prices: RenderPrices;
  readonly storage: Storage;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/**
 * Estimates on this machine, where that can be, what a shot would cost on Spot machines, and throws `over-cap` where that is more
 * than it may even at the lowest. Where nothing can be known beforehand, that is said. `stopped` when it was asked to stop.
 */
export async function refuseAbove(shot: Shot, check: CostCheck): Promise<'checked' | 'stopped'> {
  const { maxUsd, testFrames, say } = check;
  if (testFrames === 0) return 'checked';
  const why = whyNoTest();
  if (why !== undefined) return unknownBeforehand(why, say);
  let estimate: Estimate | undefined;
  try {
    estimate = await makeEstimate({
      shot,
      testFrames,
      output: localFolder(ESTIMATES),
      machine: divideMachine(),
      farm: Promise.resolve(check.farm),
      pricesOf: () => Promise.resolve(check.prices),
      storage: check.storage,
      signal: check.signal,
      say,
    });
  } catch (error) {
    // A Blender that is too old here, say, is no fault of the farm's.
    if (!(error instanceof SpotreelError) || error.code === 'no-test-frame') throw error;
    return unknownBeforehand(`the test frames could not be rendered here: ${messageOf(error)}`, say);
  }
  if (!estimate) return 'stopped';
  judge(estimate, maxUsd, formatLocation(shot.source.url), say);
  return 'checked';
}

function judge({ farm }: Estimate, maxUsd: number, file: string, say: CostCheck['say']): void {
  const { spot } = farm.cost;
  if (spot.low > maxUsd) {
    const message = `${file} would cost ${formatUsd(spot.low)} USD on Spot machines even at the lowest (${describeSpread(spot)}), and --max-cost is ${maxUsd}: raise it, ask for less (--samples, --resolution-percent, --frames), or submit it all the same with --test-frames 0`;
    throw new SpotreelError('over-cap', 'scene', message);
  }
  say(`estimated at ${describeSpread(spot)} on Spot machines`);
  if (spot.high > maxUsd)
    say(
      `warning: it may come to its cap of ${formatUsd(maxUsd)} USD, and is stopped then; what is rendered by then stays`,
    );
}

function whyNoTest(): string | undefined {
  try {
    for (const program of ['blender', 'ffmpeg'] as const) findProgram(program, process.env);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function unknownBeforehand(why: string, say: CostCheck['say']): 'checked' {
  say(`what it will cost is not known beforehand (${why}); the cap holds while it renders`);
  return 'checked';
}
