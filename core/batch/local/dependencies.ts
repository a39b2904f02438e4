import type { JobDependency, JobStatus } from '../batch';
import { childOf, jobStatus, type JobState } from './job-state';

/** `ready`: all dependencies succeeded; `doomed`: one of them failed. */
export type Verdict = 'ready' | 'waiting' | 'doomed';

/** The jobs a verdict may look at, by id. */
export type Jobs = ReadonlyMap<string, JobState>;

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
