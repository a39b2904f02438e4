import type { Finding } from '../contract/finding';
import type { JobsRetry } from '../contract/jobs';
import type { MissingFiles } from '../contract/missing-files';
import type { Tags } from '../contract/tags';
import type { Quartiles } from '../report/quartiles';
import type { SliceCounts } from './count-slices';
import type { FailedFrame } from './reasons';

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

/** What slices have told so far, added up; seconds of Blender's own work on frames that are kept. */
export interface SliceFigures {
  readonly attempts: number;
  /** Attempts that were stopped or vanished with their machine. */
  readonly interruptions: number;
  /** What machines were held for. */
  readonly machineSeconds: number;
  /** A quarter of the frames took less, half of them, three quarters; absent before the first frame. */
  readonly frameSeconds?: Quartiles;
  /** When the latest attempt is known to have run, in milliseconds since 1970. */
  readonly lastSeen?: number;
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
