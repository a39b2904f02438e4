import type { JobState } from '../../core/local-batch/job-state';
import type { Manifest } from '../../core/render/manifest';
import type { RenderStatus, SliceReport } from '../../core/render/records';
import type { StorageRequest } from './faulty-proxy';
import type { RoundPlan } from './round-plan';
import type { SentSignal } from './signals';

/** A line of the fake Blender's log. */
export interface BlenderNote {
  readonly what: 'started' | 'rendered' | 'faulty';
  readonly frame: number;
  /** Process id of the worker whose Blender it was. */
  readonly worker: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Whether the frame was in its folder by then; always `false` if storage is a bucket. */
  readonly stored: boolean;
}

/** All facts about a round that has ended. */
export interface RoundFacts {
  readonly plan: RoundPlan;
  /** How the farm's last process ended, and the end of its output. */
  readonly farm: { readonly exitCode: number | null; readonly restarts: number; readonly words: string };
  readonly manifest?: Manifest | undefined;
  /** Files in `frames/` by name, each with its fault, if any. */
  readonly frames: ReadonlyMap<string, string | undefined>;
  /** Reasons, by the names in `failures/`. */
  readonly failures: ReadonlyMap<string, string>;
  readonly reports: readonly SliceReport[];
  readonly status?: RenderStatus | undefined;
  /** Subjects of the messages. */
  readonly messages: readonly string[];
  /** For each frame of the video, which of the stored frames it resembles most, from 0; absent where there is no video. */
  readonly video?: readonly number[] | undefined;
  readonly jobs: readonly JobState[];
  readonly blender: readonly BlenderNote[];
  readonly requests: readonly StorageRequest[];
  readonly signals: readonly SentSignal[];
  /** Keys of uploads in parts that were begun and neither completed nor aborted. */
  readonly unfinishedUploads: readonly string[];
  /** Files whose writing was never finished. */
  readonly halfWritten: readonly string[];
  /** Processes, scratch and locks that are left over, in words. */
  readonly leftovers: readonly string[];
}
