import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AttemptDetail, DescribeJobDefinitionsCommand, type JobDetail } from '@aws-sdk/client-batch';
import { z } from 'zod';
import { mapConcurrently } from '../../core/concurrency';
import { parseWorkerEvent } from '../../core/jobs/worker';
import { type AttemptEnd, evaluateOnExit, retryStrategySchema } from '../../core/local-batch/job-state';
import { CACHE_FOLDER, HOST_FOLDER } from '../../lib/constructs/machines';
import type { DeployedFarm } from '../rehearsal/deployed-farm';
import {
  containerArgs,
  containerPropertiesSchema,
  type ContainerRun,
  fillIn,
  volumeNames,
} from './container-args';
import { type LogLine, putLog } from './container-logs';
import type { Docker } from './docker';

/** One attempt of one child, and its end. */
export interface Attempt extends AttemptEnd {
  readonly jobName: string;
  /** Absent for a plain job. */
  readonly index?: number;
  /** 1-based. */
  readonly attempt: number;
  /** The container's standard output. */
  readonly lines: readonly string[];
  /** The log stream of these lines in the farm's log group. */
  readonly logStreamName: string;
  /** The worker's own reason, if it failed and could report one. */
  readonly error?: string | undefined;
}

/** A running attempt, for tests that disturb it. */
export interface RunningContainer {
  readonly jobName: string;
  readonly index?: number | undefined;
  readonly attempt: number;
  readonly container: string;
  /** Takes its machine away: the container is killed without notice. */
  reclaim(): void;
}

export interface ContainerBatchOptions {
  readonly docker: Docker;
  readonly farm: DeployedFarm;
  /** In place of a registry: the definition's image → the id of a local one. */
  readonly images: Readonly<Record<string, string>>;
  /** Variables with which a container finds the emulator and the role's credentials. */
  readonly environment: Readonly<Record<string, string>>;
  /** Files of this machine that a container sees, for the same purpose. */
  readonly shown: Readonly<Record<string, string>>;
}

/** Settings of one run of the queue. */
export interface RunJobsOptions {
  /** Called with each line as it comes. */
  readonly onLine?: (line: string, running: RunningContainer) => void;
  /** More files that the containers see. */
  readonly shown?: Readonly<Record<string, string>>;
  /** In place of the definition's. */
  readonly memoryMib?: number;
}

const definitionSchema = z.object({
  containerProperties: containerPropertiesSchema,
  retryStrategy: retryStrategySchema,
});

type Definition = z.infer<typeof definitionSchema>;

/** AWS Batch's reason for a machine that EC2 reclaimed (by the documentation; see core/jobs/worker.ts). */
const RECLAIMED = 'Host EC2 (instance i-0123456789abcdef0) terminated.';

/** Docker's own exit codes, for a container that did not come up. */
const NOT_STARTED = new Set([125, 126, 127]);

/**
 * A fake of AWS Batch and ECS: the children of a job run as containers of Docker Engine on this machine,
 * made from the deployed job definition, two at a time; failed attempts are retried by the definition's rules; what a child
 * does and the end of a job are reported to the emulator, which notifies EventBridge; the output of containers is put into the
 * farm's log group once they have ended. It knows no queue, machine or timeout.
 */
export class ContainerBatch {
  /** Plays the disk of the farm's machine, of which containers see two folders. */
  readonly machine: string;
  private readonly ended = new Set<string>();

  constructor(private readonly options: ContainerBatchOptions) {
    this.machine = mkdtempSync(join(tmpdir(), 'spotreel-machine-'));
    // As lib/constructs/machines.ts makes them.
    mkdirSync(join(this.machine, HOST_FOLDER), { recursive: true });
    mkdirSync(join(this.machine, CACHE_FOLDER), { recursive: true });
    chmodSync(join(this.machine, CACHE_FOLDER), 0o1733);
  }

  /** Runs every job of the queue that has not run yet, in the order of submission, to its end. Gives the attempts. */
  async runJobs(options: RunJobsOptions = {}): Promise<Attempt[]> {
    const attempts: Attempt[] = [];
    const failed = new Set<string>();
    for (const job of await this.options.farm.jobs()) {
      const jobId = job.jobId!;
      // It was cancelled.
      if (job.status === 'FAILED') failed.add(jobId);
      if (this.ended.has(jobId) || job.status === 'FAILED') continue;
      this.ended.add(jobId);
      const dependencyFailed = job.dependsOn?.some((on) => failed.has(on.jobId!)) ?? false;
      const made = dependencyFailed ? [] : await this.runJob(job, options);
      attempts.push(...made);
      const reason = dependencyFailed ? 'Dependent Job failed' : reasonOf(made);
      if (reason === undefined) await this.options.farm.done(jobId);
      else {
        failed.add(jobId);
        await this.options.farm.fail(jobId, reason);
      }
    }
    return attempts;
  }

  /** The volumes of this machine's containers that are left. */
  async volumes(): Promise<string[]> {
    return this.labelled('volume', 'ls');
  }

  /** Removes the containers and volumes that an interrupted test has left. */
  async stop(): Promise<void> {
    const { docker } = this.options;
    for (const container of await this.labelled('ps', '--all')) await docker.run('rm', '--force', container);
    for (const volume of await this.volumes()) await docker.run('volume', 'rm', volume);
    rmSync(this.machine, { recursive: true, force: true });
  }

  private async labelled(...list: readonly string[]): Promise<string[]> {
    const names = await this.options.docker.run(...list, '--quiet', '--filter', `label=${this.machine}`);
    return names.split('\n').filter(Boolean);
  }

  /** All attempts of all children. */
  private async runJob(job: JobDetail, options: RunJobsOptions): Promise<Attempt[]> {
    const definition = await this.definitionOf(job);
    const size = job.arrayProperties?.size;
    const indexes = size === undefined ? [undefined] : Array.from({ length: size }, (_, index) => index);
    const made = await mapConcurrently(indexes, 2, (index) => this.runChild(job, index, definition, options));
    return made.flat();
  }

  private async runChild(
    job: JobDetail,
    index: number | undefined,
    definition: Definition,
    options: RunJobsOptions,
  ): Promise<Attempt[]> {
    const { attempts, evaluateOnExit: rules = [] } = definition.retryStrategy;
    const { farm } = this.options;
    const child = index === undefined ? job.jobId! : `${job.jobId!}:${index}`;
    const made: Attempt[] = [];
    const described: AttemptDetail[] = [];
    while (made.length < attempts) {
      const startedAt = Date.now();
      await farm.tell(child, { status: 'RUNNING', startedAt });
      const end = await this.runAttempt(job, index, made.length + 1, definition, options);
      made.push(end);
      const { exitCode, reason, statusReason, logStreamName } = end;
      const container = { exitCode, reason, logStreamName };
      described.push({ startedAt, stoppedAt: Date.now(), statusReason, container });
      await farm.tell(child, { attempts: described });
      if (exitCode === 0 || evaluateOnExit(rules, end) === 'EXIT') break;
    }
    // The end of a job without children is reported below.
    if (index !== undefined)
      await farm.tell(child, { status: made.at(-1)!.exitCode === 0 ? 'SUCCEEDED' : 'FAILED' });
    return made;
  }

  private async runAttempt(
    job: JobDetail,
    index: number | undefined,
    attempt: number,
    { containerProperties: properties }: Definition,
    { onLine, shown, memoryMib }: RunJobsOptions,
  ): Promise<Attempt> {
    const { docker, images, farm } = this.options;
    const image = images[properties.image];
    if (image === undefined) throw new Error(`no local image for ${properties.image}`);
    const name = `spotreel-${job.jobId!}-${index ?? 0}-${attempt}`;
    const container: ContainerRun = {
      name,
      image,
      properties,
      command: fillIn(job.container!.command!, job.parameters ?? {}),
      environment: { ...this.options.environment, ...batchVariables(job, index, attempt) },
      machine: this.machine,
      shown: { ...this.options.shown, ...shown },
      memoryMib,
    };
    let reclaimed = false;
    const running: RunningContainer = {
      jobName: job.jobName!,
      index,
      attempt,
      container: name,
      reclaim: () => {
        if (reclaimed) return;
        reclaimed = true;
        void docker.try(['kill', '--signal', 'KILL', name]);
      },
    };
    const log: LogLine[] = [];
    const volumes = volumeNames(container);
    for (const volume of volumes) await docker.run('volume', 'create', '--label', this.machine, volume);
    const { exitCode, stderr } = await docker.try(containerArgs(container), {
      onLine: (line) => {
        log.push({ timestamp: Date.now(), message: line });
        onLine?.(line, running);
      },
    });
    for (const volume of volumes) await docker.run('volume', 'rm', volume);
    const lines = log.map(({ message }) => message);
    const logStreamName = `rehearsal/${name}`;
    await putLog(farm.description.logGroup, logStreamName, log, farm.logs);
    const end = reclaimed ? { statusReason: RECLAIMED } : endOf(exitCode, stderr);
    return {
      jobName: job.jobName!,
      ...(index !== undefined && { index }),
      attempt,
      lines,
      logStreamName,
      error: errorIn(lines),
      ...end,
    };
  }

  private async definitionOf(job: JobDetail): Promise<Definition> {
    const { batch } = this.options.farm;
    const { jobDefinitions = [] } = await batch.send(new DescribeJobDefinitionsCommand({}));
    const found = jobDefinitions.find(({ jobDefinitionArn }) => jobDefinitionArn === job.jobDefinition);
    return definitionSchema.parse(found);
  }
}

/** https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html */
function batchVariables(job: JobDetail, index: number | undefined, attempt: number): Record<string, string> {
  return {
    AWS_BATCH_JOB_ID: index === undefined ? job.jobId! : `${job.jobId!}:${index}`,
    AWS_BATCH_JOB_ATTEMPT: String(attempt),
    AWS_BATCH_JQ_NAME: job.jobQueue!.split('/').at(-1)!,
    ...(index !== undefined && {
      AWS_BATCH_JOB_ARRAY_INDEX: String(index),
      AWS_BATCH_JOB_ARRAY_SIZE: String(job.arrayProperties!.size),
    }),
  };
}

function errorIn(lines: readonly string[]): string | undefined {
  const errors = lines.map((line) => parseWorkerEvent(line)).filter((event) => event?.event === 'error');
  return errors.at(-1)?.message;
}

function endOf(exitCode: number | null, stderr: string): AttemptEnd {
  if (exitCode === null || NOT_STARTED.has(exitCode)) {
    return { reason: `CannotStartContainerError: ${stderr.trim().slice(-1000)}` };
  }
  return { exitCode, ...(exitCode !== 0 && { statusReason: 'Essential container in task exited' }) };
}

/** Why a job failed; `undefined` where the last attempt of each child ended well. */
function reasonOf(attempts: readonly Attempt[]): string | undefined {
  const last = new Map(attempts.map((attempt) => [attempt.index, attempt]));
  const bad = [...last.values()].find(({ exitCode }) => exitCode !== 0);
  return bad && (bad.reason ?? bad.statusReason ?? 'failed');
}
