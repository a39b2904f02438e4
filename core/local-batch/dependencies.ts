import { SpotreelError } from '../errors';
import type { EvaluateOnExit, JobDependency, JobStatus, SubmitJobRequest } from '../jobs/batch';
import { childOf, type JobState, jobStatus } from './job-state';

/** How an attempt ended, as far as retry rules look at it. */
export interface AttemptEnd {
  /** Absent when no container came up. */
  readonly exitCode?: number;
  /** The container's reason; absent when the program simply exited. */
  readonly reason?: string;
  readonly statusReason?: string;
}

/**
 * What a retry strategy's rules say of a failed attempt: the first rule whose conditions all match decides, and
 * where none matches the job is retried. Whether attempts are left is for the caller to see.
 *
 * A reason that is absent counts as empty, so that `onReason: "*"` catches everything, as in AWS's own example of a
 * last rule. An exit code that is absent matches no pattern at all: start failures need a rule of their own.
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

/** A pattern may end in `*`, and then only the start must be the same; a `*` elsewhere is a plain character. */
function patternMatches(pattern: string | undefined, value: string | undefined): boolean {
  if (pattern === undefined) return true;
  if (value === undefined) return false;
  const [wanted, actual] = [pattern.toLowerCase(), value.toLowerCase()];
  return wanted.endsWith('*') ? actual.startsWith(wanted.slice(0, -1)) : actual === wanted;
}

/** `ready`: all dependencies succeeded; `doomed`: one of them failed. */
export type Verdict = 'ready' | 'waiting' | 'doomed';

/** The jobs a verdict may look at, by id. */
type Jobs = ReadonlyMap<string, JobState>;

/**
 * Whether one child may start, by all of its job's dependencies. One that failed decides at once, without waiting
 * for the others. Source: https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html
 */
export function dependencyVerdict(job: JobState, index: number, jobs: Jobs): Verdict {
  const statuses = (job.request.dependsOn ?? []).map((dependency) => statusOf(dependency, job, index, jobs));
  if (statuses.includes('FAILED')) return 'doomed';
  return statuses.every((status) => status === 'SUCCEEDED') ? 'ready' : 'waiting';
}

/** The indexes among those given (by default all) that wait for their dependencies and need wait no longer. */
export function settledChildren(
  job: JobState,
  jobs: Jobs,
  indexes: Iterable<number> = job.children.keys(),
): { ready: number[]; doomed: number[] } {
  const settled = { ready: [] as number[], doomed: [] as number[] };
  for (const index of indexes) {
    if (childOf(job, index).status !== 'PENDING') continue;
    const verdict = dependencyVerdict(job, index, jobs);
    if (verdict !== 'waiting') settled[verdict].push(index);
  }
  return settled;
}

/** Whether each child of `job` waits for the one before it. */
export function isSequential(job: JobState): boolean {
  return (job.request.dependsOn ?? []).some(isOnOwnChildren);
}

/** Whether children of `job` wait for single children of `jobId`, not for all of it. */
export function isChildByChild(job: JobState, jobId: string): boolean {
  return (job.request.dependsOn ?? []).some(
    (dependency) => dependency.jobId === jobId && dependency.type === 'N_TO_N',
  );
}

function isOnOwnChildren(dependency: JobDependency): boolean {
  return dependency.type === 'SEQUENTIAL' && dependency.jobId === undefined;
}

function statusOf(dependency: JobDependency, job: JobState, index: number, jobs: Jobs): JobStatus {
  if (isOnOwnChildren(dependency)) return index === 0 ? 'SUCCEEDED' : childOf(job, index - 1).status;
  const other = jobs.get(dependency.jobId ?? '');
  // Its journal was removed by hand: whether it succeeded can't be known any more.
  if (other === undefined) return 'FAILED';
  // SEQUENTIAL with a job id is a plain dependency on the whole job.
  return dependency.type === 'N_TO_N' ? childOf(other, index).status : jobStatus(other);
}

/**
 * Refuses dependencies that could never be met.
 *
 * @throws SpotreelError `client-exception` naming the dependency and what to change.
 */
export function checkDependencies(request: SubmitJobRequest, jobs: Jobs): void {
  for (const dependency of request.dependsOn ?? []) {
    const fault = faultOf(dependency, request, jobs);
    if (fault !== undefined) throw new SpotreelError('client-exception', 'usage', `dependsOn of ${fault}`);
  }
}

function faultOf({ jobId, type }: JobDependency, request: SubmitJobRequest, jobs: Jobs): string | undefined {
  const { jobName, arrayProperties } = request;
  if (jobId === undefined) {
    if (type !== 'SEQUENTIAL') return `job "${jobName}" needs a jobId unless its type is SEQUENTIAL`;
    return arrayProperties === undefined
      ? `job "${jobName}" is SEQUENTIAL without a jobId, which only an array job can be`
      : undefined;
  }
  const other = jobs.get(jobId);
  if (other === undefined) return `job "${jobName}" names the job id "${jobId}", which is unknown`;
  if (type !== 'N_TO_N') return undefined;
  const [size, otherSize] = [arrayProperties?.size, other.arraySize];
  return size !== undefined && size === otherSize
    ? undefined
    : `job "${jobName}" is N_TO_N, so both jobs must be arrays of the same size, ` +
        `but this one has ${size ?? 'no array'} and job ${jobId} has ${otherSize ?? 'no array'}`;
}
