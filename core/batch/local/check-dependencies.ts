import { SpotreelError } from '../../errors';
import type { JobDependency, SubmitJobRequest } from '../batch';
import type { Jobs } from './dependencies';

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
