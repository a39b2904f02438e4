import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { messageOf, SpotreelError } from '../errors';
import type { EnvironmentVariable, RetryStrategy } from '../jobs/batch';
import { untilNoneIn } from '../processes/claim';
import { removeFolder } from '../storage/file-storage';
import { type AttemptOutcome, runAttempt, type RunningAttempt } from './attempt';
import {
  childOf,
  environmentSchema,
  firstFault,
  type JobState,
  retryStrategySchema,
  timeoutSchema,
} from './job-state';
import { childJobId, logStreamName } from './journal';
import type { JobStateEvent } from './scheduler';

/** What a job definition and its image are on AWS. */
export interface LocalJobDefinition {
  /** The program and its first arguments, like an image's ENTRYPOINT; the job's command is appended. */
  readonly entrypoint: readonly string[];
  /** Used when the job has no command of its own. @default - none */
  readonly command?: readonly string[];
  /** @default - one attempt */
  readonly retryStrategy?: RetryStrategy;
  /** Of each attempt. @default - none */
  readonly timeout?: { readonly attemptDurationSeconds: number };
  readonly environment?: readonly EnvironmentVariable[];
}

interface LogEvent {
  readonly type: 'log';
  readonly jobId: string;
  /** Of a child of an array. */
  readonly index?: number;
  /** 1-based. */
  readonly attempt: number;
  /** Without its line end. */
  readonly line: string;
}

export type LocalBatchEvent = JobStateEvent | LogEvent;

export interface LocalBatchOptions {
  /** Made if need be. Journals, logs and scratch directories lie under it; one scheduler at a time may use it. */
  readonly stateDirectory: string;
  /** The only queue there is. */
  readonly jobQueue: string;
  /** How many attempts may run at once, at least 1. */
  readonly maxParallel: number;
  /** By name. A job looks its definition up at each attempt, so a resumed job runs today's programs. */
  readonly jobDefinitions: Readonly<Record<string, LocalJobDefinition>>;
  /** What every attempt finds in its environment; nothing is inherited, so `PATH` belongs in here. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * From SIGTERM to SIGKILL.
   * @default 30, as ECS's stop timeout
   */
  readonly stopTimeoutSeconds?: number;
  /** Called when no attempt runs and nobody else can start one: as soon as the state directory is this process's own, and before it gives it up. */
  readonly tidyUp?: () => Promise<void>;
  /** Told of every change and every line of output; must not throw. */
  readonly onEvent?: (event: LocalBatchEvent) => void;
}

const definitionSchema = z.object({
  entrypoint: z.array(z.string()).min(1, 'must name a program'),
  command: z.array(z.string()).optional(),
  retryStrategy: retryStrategySchema.optional(),
  timeout: timeoutSchema.optional(),
  environment: environmentSchema.optional(),
});

const optionsSchema = z.object({
  maxParallel: z.int().min(1, 'must be 1 or more'),
  stopTimeoutSeconds: z.number().min(0, 'must be 0 or more').optional(),
  jobDefinitions: z.record(z.string(), definitionSchema),
});

/** @throws SpotreelError `invalid-option` naming the option and what it must be. */
export function checkOptions(options: LocalBatchOptions): void {
  const { error } = optionsSchema.safeParse(options);
  if (error !== undefined) throw new SpotreelError('invalid-option', 'usage', firstFault(error));
}

/** The compute environment that a local job finds itself in. */
const COMPUTE_ENVIRONMENT = 'local';

interface AttemptPlan {
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

/** The most time that processes may take to end after they were killed. */
const MOST_ENDING_MS = 10_000;

/** Runs a planned attempt between the making and the removal of its scratch directory. */
export function launchAttempt(
  plan: AttemptPlan,
  stopTimeoutSeconds: number,
  onLogLine: (line: string) => void,
): RunningAttempt {
  try {
    removeFolder(plan.scratchDirectory);
    mkdirSync(plan.scratchDirectory, { recursive: true });
    mkdirSync(dirname(plan.logFile), { recursive: true });
  } catch (error) {
    const reason = `CannotStartContainerError: ${messageOf(error)}`;
    return { ended: Promise.resolve({ reason }), stop: () => undefined };
  }
  const attempt = runAttempt({ ...plan, stopTimeoutSeconds, onLogLine });
  return { ended: withoutScratch(attempt, plan.scratchDirectory), stop: () => attempt.stop() };
}

async function withoutScratch(attempt: RunningAttempt, scratchDirectory: string): Promise<AttemptOutcome> {
  const outcome = await attempt.ended;
  // What cannot be removed now is removed when the state directory is opened again; it is no reason to fail a job.
  await removeScratch(scratchDirectory).catch(() => undefined);
  return outcome;
}

/** Removes a scratch directory, or all of them, when the processes that used it have ended. */
export async function removeScratch(directory: string): Promise<void> {
  await untilNoneIn(directory, MOST_ENDING_MS);
  removeFolder(directory);
}
