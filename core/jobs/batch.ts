/**
 * The part of AWS Batch that Spotreel uses, in AWS Batch's own shapes and words, so that its SDK's answers and a
 * local scheduler's fit the same interface.
 * Source: https://docs.aws.amazon.com/batch/latest/APIReference/
 */

import { EXIT } from './worker';

export type JobStatus =
  'SUBMITTED' | 'PENDING' | 'RUNNABLE' | 'STARTING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED';

/** Whether a job in this state has ended. */
export function isEnded(status: JobStatus): boolean {
  return status === 'SUCCEEDED' || status === 'FAILED';
}

/** A job that must succeed as a whole before this one starts. */
export interface JobDependency {
  readonly jobId: string;
  readonly type?: 'SEQUENTIAL';
}

/** One rule of a retry strategy. All patterns given must match; `*` may end a pattern; case does not matter. */
export interface EvaluateOnExit {
  readonly action: 'RETRY' | 'EXIT';
  readonly onExitCode?: string;
  readonly onReason?: string;
  readonly onStatusReason?: string;
}

export interface RetryStrategy {
  /** 1 to 10. */
  readonly attempts: number;
  /** At most 5, the first that matches decides; none matches: retried. */
  readonly evaluateOnExit?: readonly EvaluateOnExit[];
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
}

/** What a container is given; MEMORY in MiB. https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html */
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
  /** Whether the job's tags are those of its ECS task, too. */
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
    /** What was asked for by SubmitJob, or the job definition's. */
    readonly command?: readonly string[];
    /** Of the latest attempt that has begun. */
    readonly logStreamName?: string;
    /** The log group of its streams, where the job says. */
    readonly logGroup?: string;
  };
  readonly arrayProperties?: {
    readonly size?: number;
    /** Of a child. */
    readonly index?: number;
    /** Of a parent: how many children are in each state. */
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
  /** No more are looked for once there are so many; then these are any of them. */
  readonly most: number;
}

export interface Batch {
  submitJob(request: SubmitJobRequest): Promise<SubmitJobResponse>;
  /** Jobs that are not known (yet) are left out. Children are `<jobId>:<index>`. */
  describeJobs(jobIds: readonly string[]): Promise<JobDetail[]>;
  /** In any state. */
  listJobs(request: ListJobsRequest): Promise<JobSummary[]>;
  /** Fails what has not started and stops what runs: SIGTERM, then SIGKILL. Never retried. */
  terminateJob(jobId: string, reason: string): Promise<void>;
}

/** For who only looks. */
export type BatchView = Pick<Batch, 'describeJobs' | 'listJobs'>;

/** How many of a render's slices are in which state. */
export interface SliceCounts {
  readonly total: number;
  /** Not yet begun, or waiting for another attempt. */
  readonly waiting: number;
  /** STARTING or RUNNING. */
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** Of an array job, or of one that has no children: then it is a single slice itself. Pure. */
export function countSlices({ status, arrayProperties }: JobDetail): SliceCounts {
  const summary: Partial<Record<JobStatus, number>> = arrayProperties?.statusSummary ?? { [status]: 1 };
  const count = (...statuses: JobStatus[]) => statuses.reduce((sum, one) => sum + (summary[one] ?? 0), 0);
  const [running, succeeded, failed] = [count('STARTING', 'RUNNING'), count('SUCCEEDED'), count('FAILED')];
  const waiting = count('SUBMITTED', 'PENDING', 'RUNNABLE');
  const total = arrayProperties?.size ?? 1;
  // By the documentation the summary of a parent whose children are not made yet is empty.
  return {
    total,
    waiting: Math.max(waiting, total - running - succeeded - failed),
    running,
    succeeded,
    failed,
  };
}

/**
 * How Batch goes on when an attempt ends badly: again after a reclaimed machine, a container that could not start
 * and the exit codes that say so; not again for anything else. AWS Batch retries what no rule matches, so the last
 * rule ends everything (at most 5 rules, 10 attempts; by the documentation:
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html).
 */
export function retryStrategy(attempts: number): RetryStrategy {
  const exitCodes = Object.values(EXIT).filter(({ retry }) => retry);
  return {
    attempts,
    evaluateOnExit: [
      { action: 'RETRY', onStatusReason: 'Host EC2*' },
      // CannotPullContainerError, CannotStartContainerError, CannotCreateContainerError: no exit code comes with them.
      { action: 'RETRY', onReason: 'Cannot*' },
      ...exitCodes.map(({ code }): EvaluateOnExit => ({ action: 'RETRY', onExitCode: String(code) })),
      { action: 'EXIT', onReason: '*' },
    ],
  };
}
