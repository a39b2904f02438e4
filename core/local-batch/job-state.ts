import { z } from 'zod';
import { SpotreelError } from '../errors';
import {
  type AttemptDetail,
  type EvaluateOnExit,
  isEnded,
  type JobStatus,
  type SubmitJobRequest,
} from '../jobs/batch';

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/,
    'must be 1 to 128 letters, digits, "-" and "_", the first a letter or digit',
  );

const pattern = z.string().max(512, 'must have at most 512 characters').optional();

/** Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html */
export const retryStrategySchema = z.strictObject({
  attempts: z.int().min(1, 'must be 1 to 10').max(10, 'must be 1 to 10'),
  evaluateOnExit: z
    .array(
      z.strictObject({
        action: z.enum(['RETRY', 'EXIT']),
        onExitCode: pattern,
        onReason: pattern,
        onStatusReason: pattern,
      }),
    )
    .max(5, 'must have at most 5 rules')
    .optional(),
});

export const environmentSchema = z.array(z.strictObject({ name: z.string().min(1), value: z.string() }));

/**
 * AWS Batch requires at least 60 seconds; the local Batch accepts any positive number, so that users can try a timeout.
 * Source: https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html
 */
export const timeoutSchema = z.strictObject({
  attemptDurationSeconds: z.number().positive('must be more than 0'),
});

/**
 * A `SubmitJobRequest` with AWS Batch's limits, for submissions and journals. Rejects settings that the local Batch does not support.
 *
 * Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
 */
export const submitJobRequestSchema = z.strictObject({
  jobName: name,
  jobQueue: z.string(),
  jobDefinition: z.string(),
  arrayProperties: z
    .strictObject({ size: z.int().min(2, 'must be 2 to 10,000').max(10_000, 'must be 2 to 10,000') })
    .optional(),
  dependsOn: z
    .array(z.strictObject({ jobId: z.string(), type: z.literal('SEQUENTIAL').optional() }))
    .max(20, 'must have at most 20 dependencies')
    .optional(),
  containerOverrides: z
    .strictObject({ command: z.array(z.string()).optional(), environment: environmentSchema.optional() })
    .optional(),
  retryStrategy: retryStrategySchema.optional(),
  timeout: timeoutSchema.optional(),
  tags: z
    .record(
      z.string().min(1).max(128, 'must have names of at most 128 characters'),
      z.string().max(256, 'must have values of at most 256 characters'),
    )
    .refine((tags) => Object.keys(tags).length <= 50, 'must be at most 50')
    .optional(),
  propagateTags: z.boolean().optional(),
});

/** The first fault and its field. */
export function firstFault(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? error.message : [issue.path.join('.'), issue.message].join(' ').trim();
}

/** Milliseconds since 1970, within the range of `Date`. */
const atSchema = z.number().min(0).max(8.64e15);
/** Index of a child; the only child of a plain job is 0. */
const indexSchema = z.int().nonnegative();

/** The first line of a job's journal. */
export const submittedSchema = z.object({
  type: z.literal('submitted'),
  at: atSchema,
  jobId: z.uuid(),
  /** Orders the jobs of a state directory, because times can be equal. */
  sequence: z.int().nonnegative(),
  request: submitJobRequestSchema,
});

export type Submitted = z.infer<typeof submittedSchema>;

/** Something that happened to a job: one line of its journal. Without `index` it applies to every child in a suitable state. */
export const jobEventSchema = z.discriminatedUnion('type', [
  /** The dependencies have succeeded. */
  z.object({ type: z.literal('ready'), at: atSchema, index: indexSchema.optional() }),
  z.object({ type: z.literal('dependency-failed'), at: atSchema, index: indexSchema.optional() }),
  z.object({ type: z.literal('started'), at: atSchema, index: indexSchema }),
  /** An attempt ended; `status` is the new status of the child. `RUNNABLE` means a retry. */
  z.object({
    type: z.literal('ended'),
    at: atSchema,
    index: indexSchema,
    status: z.enum(['RUNNABLE', 'SUCCEEDED', 'FAILED']),
    exitCode: z.int().optional(),
    reason: z.string().optional(),
    statusReason: z.string().optional(),
  }),
  /** The scheduler ended during an attempt, which has no result. */
  z.object({ type: z.literal('lost'), at: atSchema, index: indexSchema }),
  z.object({
    type: z.literal('terminated'),
    at: atSchema,
    index: indexSchema.optional(),
    reason: z.string(),
  }),
]);

export type JobEvent = z.infer<typeof jobEventSchema>;

export interface ChildState {
  status: JobStatus;
  statusReason?: string;
  /** Ended attempts, without lost ones. */
  attempts: readonly AttemptDetail[];
  /** Of the latest attempt. */
  startedAt?: number;
  stoppedAt?: number;
  /** The reason of a termination during an attempt; kept until the attempt ends. */
  terminated?: string;
}

/** A job, computed from its journal. A plain job has one child and no array. */
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
  /** Why all children were failed or terminated at once. */
  wholeJobReason?: string;
  /** When the first child started, and when the latest one ended. */
  startedAt?: number;
  stoppedAt?: number;
}

// Shared, because most of 10,000 children have no attempt for most of the time.
const NO_ATTEMPTS: readonly AttemptDetail[] = [];

/** The state after the submission: every child waits until the scheduler checks the dependencies. */
export function createJobState({ jobId, sequence, at, request }: Submitted): JobState {
  const arraySize = request.arrayProperties?.size;
  const size = arraySize ?? 1;
  return {
    jobId,
    sequence,
    createdAt: at,
    request,
    arraySize,
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

/**
 * An array's parent is `PENDING` until all its children have ended, then `FAILED` if one of them failed.
 * Source: https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html (by the documentation)
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

/** @throws SpotreelError `internal` if the job has no such child. */
export function childOf(job: JobState, index: number): ChildState {
  const child = job.children[index];
  if (child === undefined)
    throw new SpotreelError('internal', 'internal', `job ${job.jobId} has no child ${index}`);
  return child;
}

/**
 * Applies one event to the state and returns the indexes of the children whose status changed. Changes the state in place, because
 * copies of 10,000 children for each event would take quadratic time. Throws `internal` if the event cannot happen in this state.
 */
export function applyEvent(job: JobState, event: JobEvent): number[] {
  if (event.index !== undefined) return applyToChild(job, event.index, event) ? [event.index] : [];
  if (!isEnded(jobStatus(job))) job.wholeJobReason ??= reasonForAll(event);
  return [...job.children.keys()].filter((index) => applyToChild(job, index, event));
}

const DEPENDENCY_FAILED = 'Dependent Job failed';

function reasonForAll(event: JobEvent): string | undefined {
  if (event.type === 'dependency-failed') return DEPENDENCY_FAILED;
  return event.type === 'terminated' ? event.reason : undefined;
}

function applyToChild(job: JobState, index: number, event: JobEvent): boolean {
  const child = childOf(job, index);
  const { status, terminated } = child;
  const move = (next: JobStatus, reason?: string): true => moveChild(job, child, next, event.at, reason);

  switch (event.type) {
    case 'ready':
      return status === 'PENDING' && move('RUNNABLE');
    case 'dependency-failed':
      return status === 'PENDING' && move('FAILED', DEPENDENCY_FAILED);
    case 'terminated':
      if (isEnded(status)) return false;
      if (status !== 'RUNNING') return move('FAILED', event.reason);
      child.terminated ??= event.reason;
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
      // The scheduler ended, which AWS Batch's never does. This does not count as an attempt, but a terminated
      // child does not start again.
      expectStatus(job, index, event satisfies { type: 'lost' }, 'RUNNING');
      return terminated === undefined ? move('RUNNABLE') : move('FAILED', terminated);
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

/** How an attempt ended: the facts that retry rules compare. */
export interface AttemptEnd {
  /** Absent if no container started. */
  readonly exitCode?: number;
  /** The container's reason; absent if the program exited without one. */
  readonly reason?: string;
  readonly statusReason?: string;
}

/**
 * The decision of the first rule whose conditions all match a failed attempt, else `RETRY`. The caller checks whether attempts are left.
 * An absent reason counts as empty, so `onReason: "*"` matches it, as in AWS's example. An absent exit code matches no pattern.
 *
 * Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html and
 * https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html (by the documentation)
 */
export function evaluateOnExit(rules: readonly EvaluateOnExit[], end: AttemptEnd): 'RETRY' | 'EXIT' {
  return rules.find((rule) => ruleMatches(rule, end))?.action ?? 'RETRY';
}

function ruleMatches(rule: EvaluateOnExit, end: AttemptEnd): boolean {
  return (
    patternMatches(rule.onExitCode, end.exitCode?.toString()) &&
    patternMatches(rule.onReason, end.reason ?? '') &&
    patternMatches(rule.onStatusReason, end.statusReason ?? '')
  );
}

/** A `*` at the end of a pattern matches any rest; elsewhere it is a plain character. Ignores case. */
function patternMatches(wish: string | undefined, value: string | undefined): boolean {
  if (wish === undefined) return true;
  if (value === undefined) return false;
  const [wanted, actual] = [wish.toLowerCase(), value.toLowerCase()];
  return wanted.endsWith('*') ? actual.startsWith(wanted.slice(0, -1)) : actual === wanted;
}

/** `ready`: all dependencies succeeded; `doomed`: one of them failed. */
export type Verdict = 'ready' | 'waiting' | 'doomed';

/** By id. */
type Jobs = ReadonlyMap<string, JobState>;

/**
 * Whether a job may start. One failed dependency decides without waiting for the others.
 * Source: https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html
 */
export function dependencyVerdict({ request }: JobState, jobs: Jobs): Verdict {
  // A dependency whose journal was deleted by hand counts as failed.
  const statuses = (request.dependsOn ?? []).map(({ jobId }) => {
    const other = jobs.get(jobId);
    return other ? jobStatus(other) : 'FAILED';
  });
  if (statuses.includes('FAILED')) return 'doomed';
  return statuses.every((status) => status === 'SUCCEEDED') ? 'ready' : 'waiting';
}

/** Throws `client-exception` (usage) for a dependency on an unknown job. */
export function checkDependencies({ jobName, dependsOn = [] }: SubmitJobRequest, jobs: Jobs): void {
  const unknown = dependsOn.find(({ jobId }) => !jobs.has(jobId));
  if (!unknown) return;
  const message = `dependsOn of job "${jobName}" names the job id "${unknown.jobId}", which is unknown`;
  throw new SpotreelError('client-exception', 'usage', message);
}
