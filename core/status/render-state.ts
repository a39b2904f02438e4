import type { SliceCounts } from '../jobs/batch';
import { formatFrames } from '../render/frames';
import type { Finding } from '../render/manifest';
import type { Tags } from '../render/options';
import type { JobsRetry, MissingFiles } from '../render/records';
import type { SliceFigures } from '../render/slice-figures';
import { listNames, printableName } from '../text';

/** A frame that was given up. */
export interface FailedFrame {
  readonly frame: number;
  readonly reason: string;
  /** Files that it lacks, as the scene names them, each with what is wrong with it in brackets unless it is missing. */
  readonly missing?: readonly string[] | undefined;
}

/** Files that are named in one sentence. */
const MOST_NAMED = 5;

/** Sentences about one render; the rest is counted. */
const MOST_REASONS = 5;

/**
 * Why frames failed, one sentence for all that failed for the same reason, the most frames first: "47 frames need
 * textures/wood.png, which is missing". Pure. Names from the scene are made printable.
 */
export function groupReasons(failed: readonly FailedFrame[]): string[] {
  const groups = new Map<string, FailedFrame[]>();
  for (const one of failed) {
    const key = one.missing?.length ? `lacks\n${one.missing.join('\n')}` : `says\n${one.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].toSorted((a, b) => b.length - a.length).map(describeGroup);
}

function describeGroup(group: readonly FailedFrame[]): string {
  const { frame, reason, missing = [] } = group[0]!;
  const one = group.length === 1;
  if (missing.length > 0) {
    const who = one ? `frame ${frame} needs` : `${group.length} frames need`;
    return `${who} ${describeFiles(missing)}`;
  }
  return one ? `frame ${frame}: ${reason}` : `frames ${formatFrames(group.map((of) => of.frame))}: ${reason}`;
}

/** The groups as one line; `undefined` without any. `total` counts failed frames whose reasons were not read, too. Pure. */
export function describeReasons(failed: readonly FailedFrame[], total = failed.length): string | undefined {
  const told = groupReasons(failed);
  if (told.length === 0) return undefined;
  const shown = told.slice(0, MOST_REASONS);
  const rest = told.length - shown.length;
  return [
    ...shown,
    ...(rest > 0 ? [`and ${rest} more reasons`] : []),
    ...(total > failed.length ? [`and ${total - failed.length} more frames failed`] : []),
  ].join('; ');
}

/** `textures/wood.png, which is missing`; `a.png, b.png and 3 more, which are missing`. */
export function describeFiles(files: readonly string[], count = files.length): string {
  const faults = new Set(files.map(faultOf));
  // Each with its own word where they differ.
  const isMixed = faults.size > 1;
  const names = files.slice(0, MOST_NAMED).map((file) => printableName(isMixed ? file : nameOf(file)));
  const list = count > names.length ? listNames(names, MOST_NAMED, count) : joined(names);
  if (isMixed) return `${list}, which are missing or damaged`;
  return `${list}, which ${count === 1 ? 'is' : 'are'} ${[...faults][0]!}`;
}

/** `rendered with 2 files missing: //a.png, //b.png`. */
export function describeLacking({ count, files, frames }: MissingFiles): string {
  const names = listNames(files.map(printableName), MOST_NAMED, count);
  const [what, where] = [count === 1 ? 'file' : 'files', frames === 1 ? '1 frame' : `${frames} frames`];
  return `rendered with ${count} ${what} missing (${where}): ${names}`;
}

const FAULT = / \((damaged|empty|not readable|a Git LFS pointer, not the file)\)$/;

function faultOf(file: string): string {
  return FAULT.exec(file)?.[1] ?? 'missing';
}

const nameOf = (file: string): string => file.replace(FAULT, '');

function joined(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

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
