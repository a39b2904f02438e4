/**
 * The part of AWS Batch that Spotreel uses, in AWS Batch's own shapes, so that its SDK and the local scheduler fit one
 * interface.
 * Source: https://docs.aws.amazon.com/batch/latest/APIReference/
 */

import { EXIT } from './worker';

export type JobStatus =
  'SUBMITTED' | 'PENDING' | 'RUNNABLE' | 'STARTING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED';

/** Whether a job with this status has ended. */
export function isEnded(status: JobStatus): boolean {
  return status === 'SUCCEEDED' || status === 'FAILED';
}

/** A job that must succeed as a whole before this one starts. */
export interface JobDependency {
  readonly jobId: string;
  readonly type?: 'SEQUENTIAL';
}

/** One rule of a retry strategy. All given patterns must match. `*` may end a pattern, and case is ignored. */
export interface EvaluateOnExit {
  readonly action: 'RETRY' | 'EXIT';
  readonly onExitCode?: string;
  readonly onReason?: string;
  readonly onStatusReason?: string;
}

export interface RetryStrategy {
  /** 1 to 10. */
  readonly attempts: number;
  /** At most 5; the first rule that matches decides. Without a match the job is retried. */
  readonly evaluateOnExit?: readonly EvaluateOnExit[];
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
}

/**
 * A resource of a container; MEMORY in MiB.
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
 */
export interface ResourceRequirement {
  readonly type: 'GPU' | 'MEMORY' | 'VCPU';
  readonly value: string;
}

export interface SubmitJobRequest {
  /** At most 128 of letters, digits, `-`, `_`. */
  readonly jobName: string;
  readonly jobQueue: string;
  readonly jobDefinition: string;
  /** 2 to 10,000 children; absent for a plain job. */
  readonly arrayProperties?: { readonly size: number };
  readonly dependsOn?: readonly JobDependency[];
  readonly containerOverrides?: {
    readonly command?: readonly string[];
    readonly environment?: readonly EnvironmentVariable[];
    readonly resourceRequirements?: readonly ResourceRequirement[];
  };
  readonly retryStrategy?: RetryStrategy;
  readonly timeout?: { readonly attemptDurationSeconds: number };
  /** At most 50 with those of the job definition; names of 1 to 128 characters, values of up to 256. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Whether the ECS task gets the job's tags. */
  readonly propagateTags?: boolean;
}

export interface SubmitJobResponse {
  readonly jobArn?: string;
  readonly jobId: string;
  readonly jobName: string;
}

export interface AttemptDetail {
  /** Milliseconds since 1970. */
  readonly startedAt?: number;
  readonly stoppedAt?: number;
  readonly statusReason?: string;
  readonly container?: {
    readonly exitCode?: number;
    readonly reason?: string;
    readonly logStreamName?: string;
  };
}

export interface JobDetail {
  readonly jobId: string;
  readonly jobName: string;
  readonly jobQueue: string;
  readonly jobDefinition: string;
  readonly status: JobStatus;
  readonly statusReason?: string;
  readonly createdAt?: number;
  readonly startedAt?: number;
  readonly stoppedAt?: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly dependsOn?: readonly JobDependency[];
  readonly attempts?: readonly AttemptDetail[];
  readonly container?: {
    /** From SubmitJob, else from the job definition. */
    readonly command?: readonly string[];
    /** Of the latest attempt that has started. */
    readonly logStreamName?: string;
    /** The log group of its streams, if the job has one. */
    readonly logGroup?: string;
  };
  readonly arrayProperties?: {
    readonly size?: number;
    /** For a child. */
    readonly index?: number;
    /** For a parent: the number of children by status. */
    readonly statusSummary?: Readonly<Partial<Record<JobStatus, number>>>;
  };
}

export interface JobSummary {
  readonly jobArn?: string;
  readonly jobId: string;
  readonly jobName: string;
  readonly status: JobStatus;
  readonly createdAt?: number;
}

/** Which jobs to list: those of a queue with this exact name, or the children of an array job, all or of one status. */
export type ListJobsRequest =
  { readonly jobQueue: string; readonly jobName: string } | { readonly arrayJobId: string } | SomeChildren;

export interface SomeChildren {
  readonly arrayJobId: string;
  readonly jobStatus: JobStatus;
  /** Most jobs to list. If there are more, the answer has any of them. */
  readonly most: number;
}

export interface Batch {
  submitJob(request: SubmitJobRequest): Promise<SubmitJobResponse>;
  /** Omits jobs that are not known (yet). Children are `<jobId>:<index>`. */
  describeJobs(jobIds: readonly string[]): Promise<JobDetail[]>;
  /** Lists jobs of any status. */
  listJobs(request: ListJobsRequest): Promise<JobSummary[]>;
  /** Fails jobs that have not started, and stops running ones: SIGTERM, then SIGKILL. Never retried. */
  terminateJob(jobId: string, reason: string): Promise<void>;
}

/** For callers that only read. */
export type BatchView = Pick<Batch, 'describeJobs' | 'listJobs'>;

/** A render's slices by state. */
export interface SliceCounts {
  readonly total: number;
  /** Not started yet, or waiting for another attempt. */
  readonly waiting: number;
  /** STARTING or RUNNING. */
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** Counts the children of an array job; a job without children is one slice. Pure. */
export function countSlices({ status, arrayProperties }: JobDetail): SliceCounts {
  const summary: Partial<Record<JobStatus, number>> = arrayProperties?.statusSummary ?? { [status]: 1 };
  const count = (...statuses: JobStatus[]) => statuses.reduce((sum, one) => sum + (summary[one] ?? 0), 0);
  const [running, succeeded, failed] = [count('STARTING', 'RUNNING'), count('SUCCEEDED'), count('FAILED')];
  const waiting = count('SUBMITTED', 'PENDING', 'RUNNABLE');
  const total = arrayProperties?.size ?? 1;
  // As documented, the summary of a parent is empty until its children exist.
  return {
    total,
    waiting: Math.max(waiting, total - running - succeeded - failed),
    running,
    succeeded,
    failed,
  };
}

/** The status reason of an attempt whose container ran and ended: https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html */
const CONTAINER_ENDED = 'Essential container in task exited*';

/**
 * Ends a job whose container ran and ended with an exit code, unless the code has `retry`. AWS Batch retries if no rule
 * matches, so it retries all other ends: reclaimed machines and containers that could not start. `Cannot*` is for an
 * agent that could not read the exit code of a container. Limits: 5 rules, 10 attempts
 * (https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html).
 */
export function retryStrategy(attempts: number): RetryStrategy {
  const exitCodes = Object.values(EXIT).filter(({ retry }) => retry);
  return {
    attempts,
    evaluateOnExit: [
      { action: 'RETRY', onStatusReason: 'Host EC2*' },
      { action: 'RETRY', onReason: 'Cannot*' },
      ...exitCodes.map(({ code }): EvaluateOnExit => ({ action: 'RETRY', onExitCode: String(code) })),
      // The documentation does not say whether `*` matches a missing exit code, so this needs the status reason too.
      { action: 'EXIT', onExitCode: '*', onStatusReason: CONTAINER_ENDED },
    ],
  };
}
