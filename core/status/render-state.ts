import type { SliceCounts } from '../jobs/batch';
import type { FailedFrame } from '../render/frames';
import type { Finding } from '../render/manifest';
import type { Tags } from '../render/options';
import type { JobsRetry, MissingFiles } from '../render/records';
import type { SliceFigures } from '../render/slice-figures';

/**
 * State of a render:
 * - `refused`: it was never submitted; `findings` list what to change.
 * - `waiting`: its jobs wait; none of them runs.
 * - `rendering`, `stitching`: jobs run; `stitching` makes the video.
 * - `complete`, `partial`, `failed`: it has ended with a whole video, a video with gaps, no video.
 * - `stopped`: it has not ended, and no process renders it (on one machine only).
 * - `unknown`: its jobs cannot be found, or AWS Batch does not answer.
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
  /** Since when nothing runs, ISO 8601. */
  readonly since: string;
  /** RUNNABLE jobs, which wait for a machine only; children are counted one by one. */
  readonly runnable: number;
  /** The status reason of AWS Batch for a job that blocks its queue. */
  readonly statusReason?: string;
  /** Possible reasons, for people; empty while the wait is usual. */
  readonly hints: readonly string[];
  /** What AWS reports about the farm's machines, for people; replaces `hints`. */
  readonly found?: readonly string[];
}

/** Everything that Spotreel reports about a render at one moment. */
export interface RenderState {
  readonly renderId: string;
  readonly state: StateName;
  /** Whether the state stays the same without a new command. */
  readonly ended: boolean;
  /** One line for people; absent if the state says it all. */
  readonly reason?: string;
  /** When it was planned, ISO 8601; absent for a refused render. */
  readonly createdAt?: string;
  /** When it ended, if known. */
  readonly endedAt?: string;
  /** Cost allocation tags; absent without any. */
  readonly tags?: Tags;
  /** The cost cap in US dollars, and whether the render has reached it; absent without a cap and after the end. */
  readonly cap?: { readonly maxUsd: number; readonly reached: boolean };
  readonly frames?: { readonly total: number; readonly stored: number; readonly failed: number };
  /** The first failed frames. */
  readonly failures: ReadonlyArray<FailedFrame>;
  /** Files that frames were rendered without, because of `--force`; known once the video is made. */
  readonly missingFiles?: Omit<MissingFiles, 'version'>;
  /** The retry of the newest jobs; `slices` are then those of this retry. */
  readonly retry?: JobsRetry;
  /** Absent if neither Batch knows the jobs. */
  readonly slices?: SliceCounts;
  readonly figures?: Omit<SliceFigures, 'lastSeen'>;
  readonly waiting?: Waiting;
  readonly findings: readonly Finding[];
  /** Folders of File Output nodes below `outputs/`; absent without any. */
  readonly outputs?: readonly string[];
  readonly links: { readonly folder: string; readonly console?: string; readonly video?: string };
  /** Why AWS Batch did not answer; facts about jobs are then older, or absent. */
  readonly fault?: string;
}

/** Status reasons of AWS Batch and ECS in words for one machine; `undefined` for one without meaning. */
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

/** A job's status reason for people: on one machine without terms of AWS Batch and ECS. Pure. */
export function plainStatusReason(reason: string | undefined, place: 'farm' | 'here'): string | undefined {
  if (reason === undefined) return undefined;
  const known = PLAIN.find(([pattern]) => pattern.test(reason));
  if (!known) return reason;
  // On a farm the original text helps to find AWS's documentation, except for the one without meaning.
  return place === 'here' || known[1] === undefined ? known[1] : reason;
}

/** Why a program did not start, without ECS's name for it. Pure. */
export function plainStartFailure(reason: string): string {
  return `the worker could not be started: ${reason.replace(/^CannotStartContainerError: /, '')}`;
}

/** Why AWS Batch could not start the worker in any attempt. `reason` is AWS's text, which helps to find its documentation. Pure. */
export function farmStartFailure(reason: string): string {
  return `AWS could not start the worker (${reason}), which is no fault of the scene: run spotreel retry, or see spotreel doctor`;
}
