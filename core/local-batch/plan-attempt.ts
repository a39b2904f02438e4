import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { messageOf, SpotreelError } from '../errors';
import type { EnvironmentVariable, RetryStrategy } from '../jobs/batch';
import { untilNoneIn } from '../processes/claim';
import { removeFolder } from '../storage/file-storage';
import { type AttemptOutcome, runAttempt, type RunningAttempt, withoutProcess } from './attempt';
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

/** The local equivalent of a job definition and its image. */
export interface LocalJobDefinition {
  /** The program and its first arguments, like an image's ENTRYPOINT; the job's command is appended. */
  readonly entrypoint: readonly string[];
  /** For jobs without their own command. @default - none */
  readonly command?: readonly string[];
  /** @default - one attempt */
  readonly retryStrategy?: RetryStrategy;
  /** For each attempt. @default - none */
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
  /** For journals, logs and scratch directories of one scheduler at a time. Created if it is missing. */
  readonly stateDirectory: string;
  /** The name of the only queue. */
  readonly jobQueue: string;
  /** How many attempts may run at once, at least 1. */
  readonly maxParallel: number;
  /**
   * Cores to divide among the running attempts: each gets its part as `RunningAttempt.useThreads`, again when others start
   * or end.
   * @default - attempts hear nothing
   */
  readonly cores?: number;
  /**
   * A folder where the schedulers of this machine note themselves while they are open, so that together they use `cores`.
   * @default - this scheduler has all cores
   */
  readonly neighbours?: string;
  /** By name. Read at each attempt, so a resumed job runs the current programs. */
  readonly jobDefinitions: Readonly<Record<string, LocalJobDefinition>>;
  /** For every attempt. Attempts inherit no other variables, so this must contain `PATH`. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * From SIGTERM to SIGKILL.
   * @default 30, as ECS's stop timeout
   */
  readonly stopTimeoutSeconds?: number;
  /** Called while no process can run attempts: after this process takes the state directory, and before it releases it. */
  readonly tidyUp?: () => Promise<void>;
  /** Called for every change of status and every line of output; must not throw. */
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

/** @throws SpotreelError `invalid-option` with the option and its limits. */
export function checkOptions(options: LocalBatchOptions): void {
  const { error } = optionsSchema.safeParse(options);
  if (error !== undefined) throw new SpotreelError('invalid-option', 'usage', firstFault(error));
}

/** Divides `count` cores (or threads) into `parts` nearly equal numbers, larger ones first; each at least 1. Pure. */
export function divideCores(count: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, i) => Math.max(1, Math.floor((count + parts - 1 - i) / parts)));
}

/**
 * Divides cores as `divideCores` does, but leaves attempts their numbers where it can: after a change, Blender prepares
 * kept data again. `before` has each attempt's number, `undefined` for a new one. Pure.
 */
export function divideAgain(count: number, before: ReadonlyArray<number | undefined>): number[] {
  const free = divideCores(count, before.length);
  const kept = before.map((threads) => {
    const place = threads === undefined ? -1 : free.indexOf(threads);
    return place === -1 ? undefined : free.splice(place, 1)[0];
  });
  return kept.map((threads) => threads ?? free.shift()!);
}

/** The name of the compute environment in a job's variables. */
const COMPUTE_ENVIRONMENT = 'local';

interface AttemptPlan {
  /** 1-based. A lost attempt's number is used again. */
  readonly attempt: number;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Exists only during the attempt; the program's `TMPDIR`. */
  readonly scratchDirectory: string;
  readonly timeoutSeconds?: number;
}

export interface AttemptPlace {
  readonly stateDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Part of the names of scratch directories, so that a scheduler that lost the state directory removes only its own. */
  readonly schedulerId: string;
}

/** The command, environment and folders of a child's next attempt. */
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

/** How long to wait until killed processes have ended. */
const MOST_ENDING_MS = 10_000;

/** Creates the scratch directory, runs the attempt and removes the directory. */
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
    return withoutProcess({ reason });
  }
  const attempt = runAttempt({ ...plan, stopTimeoutSeconds, onLogLine });
  return { ...attempt, ended: withoutScratch(attempt, plan.scratchDirectory) };
}

async function withoutScratch(attempt: RunningAttempt, scratchDirectory: string): Promise<AttemptOutcome> {
  const outcome = await attempt.ended;
  // If this fails, the next `open` of the state directory removes it; the job does not fail.
  await removeScratch(scratchDirectory).catch(() => undefined);
  return outcome;
}

/** Removes a scratch directory, or all of them, after the processes in it have ended. */
export async function removeScratch(directory: string): Promise<void> {
  await untilNoneIn(directory, MOST_ENDING_MS);
  removeFolder(directory);
}
