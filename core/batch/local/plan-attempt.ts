import { join } from 'node:path';
import type { EnvironmentVariable } from '../batch';
import { childJobId, logStreamName } from './describe-job';
import { childOf, type JobState } from './job-state';
import type { LocalJobDefinition } from './local-batch-options';

/** The compute environment that a local job finds itself in. */
const COMPUTE_ENVIRONMENT = 'local';

export interface AttemptPlan {
  /** 1-based. A lost attempt's number is used again. */
  readonly attempt: number;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Its own as long as the attempt lasts; the program finds it as `TMPDIR`. */
  readonly scratchDirectory: string;
  readonly timeoutSeconds?: number;
}

/** Where attempts run. */
export interface AttemptPlace {
  readonly stateDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Names scratch directories: a scheduler that lost the state directory removes its own, not those of the next one. */
  readonly schedulerId: string;
}

/** The next attempt of a child: what to run, with which environment, where. */
export function planAttempt(
  job: JobState,
  index: number,
  definition: LocalJobDefinition,
  place: AttemptPlace,
): AttemptPlan {
  const { jobId, request, arraySize } = job;
  const attempt = childOf(job, index).attempts.length + 1;
  const scratchDirectory = join(place.stateDirectory, 'scratch', `${jobId}-${index}-${place.schedulerId}`);
  return {
    attempt,
    command: [...definition.entrypoint, ...(request.containerOverrides?.command ?? definition.command ?? [])],
    environment: {
      ...place.environment,
      ...toRecord(definition.environment),
      ...toRecord(request.containerOverrides?.environment),
      TMPDIR: scratchDirectory,
      // Last, because the prefix AWS_BATCH_ is protected.
      // Source: https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
      AWS_BATCH_CE_NAME: COMPUTE_ENVIRONMENT,
      AWS_BATCH_JQ_NAME: request.jobQueue,
      AWS_BATCH_JOB_ID: childJobId(job, index),
      AWS_BATCH_JOB_ATTEMPT: String(attempt),
      ...(arraySize === undefined
        ? {}
        : { AWS_BATCH_JOB_ARRAY_INDEX: String(index), AWS_BATCH_JOB_ARRAY_SIZE: String(arraySize) }),
    },
    logFile: join(place.stateDirectory, logStreamName(jobId, index, attempt)),
    scratchDirectory,
    timeoutSeconds: (request.timeout ?? definition.timeout)?.attemptDurationSeconds,
  };
}

function toRecord(variables: readonly EnvironmentVariable[] = []): Record<string, string> {
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}
