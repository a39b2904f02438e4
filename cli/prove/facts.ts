import type { JobDetail } from '../../core/jobs/batch';
import type { FarmDescription } from '../../core/jobs/farm';
import type { ProbeReport } from '../../core/jobs/worker';
import type { RenderStatus } from '../../core/render/records';
import type { Answer } from '../doctor/check';
import type { Difference } from './compare-frames';

/** A job as AWS Batch described it last. */
export interface SeenJob {
  readonly job: JobDetail;
  /** Of an array job, those that AWS Batch knows. */
  readonly children: readonly JobDetail[];
}

/** The render that came of the upload; each part is absent until it exists. */
export interface UploadFacts {
  /** Why the upload failed. */
  readonly fault?: string;
  readonly folder?: string;
  readonly render?: SeenJob;
  readonly stitch?: SeenJob;
  readonly status?: RenderStatus;
}

/** A frame of the farm and the same frame rendered here. */
export interface ComparedFrame {
  readonly frame: number;
  readonly difference: Difference;
}

/** Frames of one engine: compared, not comparable (`skipped`), or missing (`fault`). */
export type FramesFacts =
  { readonly compared: readonly ComparedFrame[] } | { readonly skipped: string } | { readonly fault: string };

/** An alarm of CloudWatch that notifies the farm's topic. */
export interface AlarmFacts {
  readonly name: string;
  readonly actionsEnabled: boolean;
  readonly state: string;
}

/** Everything that `prove` found out. */
export interface ProveFacts {
  readonly farm: FarmDescription;
  /** How long it waited. */
  readonly minutes: number;
  /** Attempts of the oldest job definition for slices; absent if AWS Batch did not say. */
  readonly attempts?: number;
  /** By the keys of `planJobs`. */
  readonly jobs: Readonly<Record<string, SeenJob | undefined>>;
  /** Why jobs could not be submitted, by key. */
  readonly refused: Readonly<Record<string, string>>;
  /** Reports of probes by name: `after`, `pair-0`. */
  readonly reports: Readonly<Record<string, ProbeReport>>;
  /** Names of `held` probes that noted their end. */
  readonly stopped: readonly string[];
  /** The reason given to TerminateJob for `held`; absent if it was not terminated. */
  readonly cancelReason?: string;
  readonly upload: UploadFacts;
  readonly cycles: FramesFacts;
  readonly eevee: FramesFacts;
  readonly alarms: Answer<readonly AlarmFacts[]>;
}

/** The result of one check. `skipped` says why in `found`. */
export interface ProveCheck {
  readonly name: string;
  readonly state: 'ok' | 'failed' | 'skipped';
  readonly found: string;
  /** How to fix it. */
  readonly fix?: string;
}
