import type { SliceCounts } from '../jobs/batch';
import type { FailedFrame } from '../render/frames';
import type { Finding } from '../render/manifest';
import type { Tags } from '../render/options';
import type { JobsRetry, MissingFiles } from '../render/records';
import type { SliceFigures } from '../render/slice-figures';

/**
 * How a render is doing:
 *
 * - `refused`: it was never submitted; `findings` say what to change.
 * - `waiting`: its jobs wait; none of them runs.
 * - `rendering`, `stitching`: jobs run; the latter make the video.
 * - `complete`, `partial`, `failed`: it has ended, with a whole video, with one with gaps, with none.
 * - `stopped`: it has not ended, and nobody is at it (on one machine only).
 * - `unknown`: nothing can be said: its jobs are nowhere to be found, or AWS Batch does not answer.
 */
export type StateName =
  | 'refused'
  | 'waiting'
  | 'rendering'
  | 'stitching'
  | 'complete'
  | 'partial'
  | 'failed'
  | 'stopped'
  | 'unknown';

/** Why nothing runs. */
export interface Waiting {
  /** Since when nothing is known to have run, ISO 8601. */
  readonly since: string;
  /** Jobs that could run if there were a machine (RUNNABLE), children counted one by one. */
  readonly runnable: number;
  /** What AWS Batch itself says of a job that holds up its queue. */
  readonly statusReason?: string;
  /** What it may be, for people; empty while it has not taken long. */
  readonly hints: readonly string[];
  /** What AWS was found to say of the farm's machines, for people; then nothing is guessed. */
  readonly found?: readonly string[];
}

/** All that is told of a render at one moment. */
export interface RenderState {
  readonly renderId: string;
  readonly state: StateName;
  /** Whether nothing more comes by itself. */
  readonly ended: boolean;
  /** In one line, for people, where there is more to say than the state. */
  readonly reason?: string;
  /** When it was planned, ISO 8601; absent for one that was refused. */
  readonly createdAt?: string;
  /** When it ended, where that was noted. */
  readonly endedAt?: string;
  /** By whom and for what; absent where nobody said. */
  readonly tags?: Tags;
  /** What it may cost, in US dollars, and whether it came to that; absent where nobody said, and once it has ended. */
  readonly cap?: { readonly maxUsd: number; readonly reached: boolean };
  readonly frames?: { readonly total: number; readonly stored: number; readonly failed: number };
  /** The first of those that were given up. */
  readonly failures: ReadonlyArray<FailedFrame>;
  /** Files that frames were rendered without, as `--force` allows; known once the video is made. */
  readonly missingFiles?: Omit<MissingFiles, 'version'>;
  /** Where the newest jobs render only what was missing; `slices` are then those of this retry. */
  readonly retry?: JobsRetry;
  /** Absent where no Batch tells. */
  readonly slices?: SliceCounts;
  readonly figures?: Omit<SliceFigures, 'lastSeen'>;
  readonly waiting?: Waiting;
  readonly findings: readonly Finding[];
  /** Folders of File Output nodes within `outputs/` of the render's folder; absent for none. */
  readonly outputs?: readonly string[];
  readonly links: { readonly folder: string; readonly console?: string; readonly video?: string };
  /** Why AWS Batch could not be asked; what is told of jobs is then of earlier, or absent. */
  readonly fault?: string;
}

/** What the status reasons of AWS Batch and ECS mean where neither runs anything; `undefined` for one that says nothing. */
const PLAIN: ReadonlyArray<readonly [RegExp, string | undefined]> = [
  [/^Array Child Job failed/, undefined],
  [/^Dependent Job failed/i, undefined],
  [
    /^Essential container in task exited/,
    'the worker ended with an error; spotreel logs shows what it printed',
  ],
  [/^Task failed to start/, 'the worker could not be started'],
  [/^Job attempt duration exceeded timeout/, 'a slice took longer than its timeout'],
];

/** The status reason of a job for people: on one machine without the words of AWS Batch and ECS. Pure. */
export function plainStatusReason(reason: string | undefined, place: 'farm' | 'here'): string | undefined {
  if (reason === undefined) return undefined;
  const known = PLAIN.find(([pattern]) => pattern.test(reason));
  if (!known) return reason;
  // On a farm the words lead to AWS's own documentation, but for the one that says nothing.
  return place === 'here' || known[1] === undefined ? known[1] : reason;
}

/** Why a program never came up, without ECS's name for it. Pure. */
export function plainStartFailure(reason: string): string {
  return `the worker could not be started: ${reason.replace(/^CannotStartContainerError: /, '')}`;
}
