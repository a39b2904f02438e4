import { SpotreelError } from '../../errors';
import type { AttemptDetail, JobStatus, SubmitJobRequest } from '../batch';
import type { JobEvent, Submitted } from './job-event';

/** Somebody wants the child ended while it runs; kept until its attempt is over. */
interface Wish {
  readonly type: 'cancelled' | 'terminated';
  readonly reason: string;
}

export interface ChildState {
  status: JobStatus;
  statusReason?: string;
  /** Attempts that ended by themselves or were stopped for good; lost ones are left out. */
  attempts: readonly AttemptDetail[];
  /** Of the latest attempt. */
  startedAt?: number;
  stoppedAt?: number;
  wish?: Wish;
}

/** A job as its journal tells it. A plain job is one child without an array around it. */
export interface JobState {
  readonly jobId: string;
  readonly sequence: number;
  readonly createdAt: number;
  readonly request: SubmitJobRequest;
  /** Absent for a plain job. */
  readonly arraySize?: number;
  readonly children: readonly ChildState[];
  /** How many children are in each state; always sums to the number of children. */
  readonly statusSummary: Record<JobStatus, number>;
  /** Why the job as a whole was failed, cancelled or terminated. */
  wholeJobReason?: string;
  /** When the first child started, and when the latest one ended. */
  startedAt?: number;
  stoppedAt?: number;
}

// One array for all, because most of 10,000 children have no attempt for most of the time.
const NO_ATTEMPTS: readonly AttemptDetail[] = [];

/** The state right after the submission: every child waits until its dependencies have been looked at. */
export function createJobState({ jobId, sequence, at, request }: Submitted): JobState {
  const arraySize = request.arrayProperties?.size;
  const size = arraySize ?? 1;
  return {
    jobId,
    sequence,
    createdAt: at,
    request,
    ...(arraySize === undefined ? {} : { arraySize }),
    children: Array.from({ length: size }, () => ({ status: 'PENDING', attempts: NO_ATTEMPTS })),
    statusSummary: {
      SUBMITTED: 0,
      PENDING: size,
      RUNNABLE: 0,
      STARTING: 0,
      RUNNING: 0,
      SUCCEEDED: 0,
      FAILED: 0,
    },
  };
}

export function isEnded(status: JobStatus): boolean {
  return status === 'SUCCEEDED' || status === 'FAILED';
}

/**
 * An array's parent stays `PENDING` while its children go on, and ends when all of them have ended: `FAILED` if one
 * of them failed. Source: https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html (by the documentation)
 */
export function jobStatus(job: JobState): JobStatus {
  if (job.arraySize === undefined) return childOf(job, 0).status;
  const { SUCCEEDED, FAILED } = job.statusSummary;
  if (SUCCEEDED + FAILED < job.children.length) return 'PENDING';
  return FAILED === 0 ? 'SUCCEEDED' : 'FAILED';
}

export function jobStatusReason(job: JobState): string | undefined {
  if (job.arraySize === undefined) return childOf(job, 0).statusReason;
  return jobStatus(job) === 'FAILED' ? (job.wholeJobReason ?? 'Array Child Job failed') : undefined;
}

/** @throws SpotreelError `internal` when the job has no such child. */
export function childOf(job: JobState, index: number): ChildState {
  const child = job.children[index];
  if (child === undefined)
    throw new SpotreelError('internal', 'internal', `job ${job.jobId} has no child ${index}`);
  return child;
}

/**
 * Brings the state on by one event and returns the indexes of the children whose status changed. The state is
 * changed in place: a copy of 10,000 children for each of their events would cost quadratic time.
 *
 * @throws SpotreelError `internal` when the event can't follow from the state.
 */
export function applyEvent(job: JobState, event: JobEvent): number[] {
  if (event.index !== undefined) return applyToChild(job, event.index, event) ? [event.index] : [];
  if (!isEnded(jobStatus(job))) job.wholeJobReason ??= reasonForAll(event);
  return [...job.children.keys()].filter((index) => applyToChild(job, index, event));
}

const DEPENDENCY_FAILED = 'Dependent Job failed';

function reasonForAll(event: JobEvent): string | undefined {
  if (event.type === 'dependency-failed') return DEPENDENCY_FAILED;
  return event.type === 'cancelled' || event.type === 'terminated' ? event.reason : undefined;
}

function applyToChild(job: JobState, index: number, event: JobEvent): boolean {
  const child = childOf(job, index);
  const { status, wish } = child;
  const move = (next: JobStatus, reason?: string): true => moveChild(job, child, next, event.at, reason);

  switch (event.type) {
    case 'ready':
      return status === 'PENDING' && move('RUNNABLE');
    case 'dependency-failed':
      return status === 'PENDING' && move('FAILED', DEPENDENCY_FAILED);
    case 'cancelled':
    case 'terminated':
      if (isEnded(status)) return false;
      if (status !== 'RUNNING') return move('FAILED', event.reason);
      // The first wish stands, except that a termination goes further than a cancellation.
      if (wish?.type !== 'terminated') child.wish = { type: event.type, reason: event.reason };
      return false;
    case 'started':
      expectStatus(job, index, event, 'RUNNABLE');
      child.startedAt = event.at;
      delete child.stoppedAt;
      job.startedAt ??= event.at;
      return move('RUNNING');
    case 'ended': {
      expectStatus(job, index, event, 'RUNNING');
      const { exitCode, reason, statusReason } = event;
      child.attempts = [
        ...child.attempts,
        { startedAt: child.startedAt, stoppedAt: event.at, statusReason, container: { exitCode, reason } },
      ];
      return move(event.status, statusReason);
    }
    default:
      // The scheduler went away. AWS Batch's doesn't, ours does: that is no fault of the job's, so no attempt is used
      // up. But what somebody wanted ended is not started again.
      expectStatus(job, index, event satisfies { type: 'lost' }, 'RUNNING');
      return wish === undefined ? move('RUNNABLE') : move('FAILED', wish.reason);
  }
}

function moveChild(job: JobState, child: ChildState, status: JobStatus, at: number, reason?: string): true {
  job.statusSummary[child.status] -= 1;
  job.statusSummary[status] += 1;
  child.status = status;
  if (reason === undefined) delete child.statusReason;
  else child.statusReason = reason;
  if (isEnded(status)) child.stoppedAt = job.stoppedAt = at;
  return true;
}

function expectStatus(job: JobState, index: number, event: JobEvent, expected: JobStatus): void {
  const { status } = childOf(job, index);
  if (status !== expected) {
    const message = `child ${index} of job ${job.jobId} is ${status}, so "${event.type}" can't happen to it`;
    throw new SpotreelError('internal', 'internal', message);
  }
}
