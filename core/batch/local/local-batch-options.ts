import { z } from 'zod';
import { SpotreelError } from '../../errors';
import type { EnvironmentVariable, RetryStrategy } from '../batch';
import type { JobStateEvent } from './scheduler';
import { environmentSchema, firstFault, retryStrategySchema, timeoutSchema } from './submit-job-schema';

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
