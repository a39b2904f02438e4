import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobDetail } from '@aws-sdk/client-batch';
import { EXIT } from '../../core/jobs/worker';
import { readableDist } from '../support/spotreel';
import { type AwsEmulator, JOB_TOLD } from './aws-emulator';
import type { DeployedFarm } from './deployed-farm';

/** The worker's user in the image. */
const WORKER = 10_001;

const MOST_ATTEMPTS = 5;

/** What is broken in this farm's machines and in its AWS Batch. */
export interface Faults {
  /** Starts no job. */
  readonly noMachines?: true;
  /** Starts jobs without waiting for those that they depend on. */
  readonly noOrder?: true;
  /** Gives every job one attempt. */
  readonly noRetry?: true;
  /** The status reason of every terminated job. */
  readonly reason?: string;
  /** Variables of every container. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Permissions of the cache (1733), and of scratch (700). */
  readonly cacheMode?: number;
  readonly scratchMode?: number;
  /** Machines of the GPU queue have no GPU. */
  readonly noGpu?: true;
  /** Called before a job ends as succeeded. Throws to fail the job. */
  readonly beforeEnd?: (job: JobDetail) => Promise<void>;
}

/**
 * Runs the jobs of the emulator's AWS Batch as processes of this machine, as on one EC2 machine. The worker runs
 * as the image's user, with the rights of the farm's workers. Its scratch folder is a mount of its own.
 *
 * These are fakes, because a process is no container of an EC2 machine: the metadata service (a port that refuses
 * connections), the folder of the Spot notice, the cache's folder, NVIDIA's driver and Blender's list of GPUs.
 */
export class JobRunner {
  faults: Faults = {};
  private readonly folder: string;
  private readonly begun = new Set<string>();
  private readonly running = new Map<string, Set<ChildProcess>>();
  private isStopped = false;
  private loop: Promise<void> | undefined;

  constructor(
    private readonly farm: DeployedFarm,
    private readonly aws: AwsEmulator,
  ) {
    this.folder = mkdtempSync(join(tmpdir(), 'spotreel-machine-'));
    chmodSync(this.folder, 0o755);
    readableDist(this.at('dist'));
    copyFileSync(this.aws.certificate, this.at('server.crt'));
    chmodSync(this.at('server.crt'), 0o644);
    for (const name of ['host', 'cache', 'gpu']) mkdirSync(this.at(name));
    this.writeFakes();
  }

  private at(name: string): string {
    return join(this.folder, name);
  }

  private writeFakes(): void {
    const gpu = 'echo "probe:cycles OPTIX Fake GPU"; echo "probe:eevee Fake GPU"';
    const fakes = {
      'nvidia-smi': 'echo "GPU 0: Fake GPU"',
      blender: `case "$*" in *--python-expr*) ${gpu};; *) exec /usr/bin/blender "$@";; esac`,
    };
    for (const [name, line] of Object.entries(fakes))
      writeFileSync(join(this.at('gpu'), name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  }

  start(): void {
    this.loop = this.work();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.loop;
    for (const children of this.running.values()) for (const child of children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Another machine, with these faults: nothing of earlier jobs is in its cache. */
  break(faults: Faults): void {
    this.faults = faults;
    rmSync(this.at('cache'), { recursive: true, force: true });
    mkdirSync(this.at('cache'));
    chmodSync(this.at('cache'), faults.cacheMode ?? 0o1733);
  }

  private async work(): Promise<void> {
    this.break(this.faults);
    const { jobQueue, gpu } = this.farm.description;
    for (; !this.isStopped; await sleep(500)) {
      for (const queue of [jobQueue, ...(gpu ? [gpu.jobQueue] : [])])
        for (const job of await this.farm.jobs(queue)) await this.consider(job, queue !== jobQueue);
    }
  }

  private async consider(job: JobDetail, isOnGpu: boolean): Promise<void> {
    const id = job.jobId!;
    if (job.status === 'FAILED') for (const child of this.running.get(id) ?? []) child.kill('SIGTERM');
    if (job.status === 'FAILED' || job.status === 'SUCCEEDED' || this.begun.has(id) || this.faults.noMachines)
      return;
    const before = this.faults.noOrder ? [] : await this.statesBefore(job);
    if (before.includes('FAILED')) return this.farm.fail(id, 'Dependent Job failed');
    if (before.some((status) => status !== 'SUCCEEDED')) return;
    this.begun.add(id);
    void this.run(job, isOnGpu).catch((error: unknown) => this.farm.fail(id, String(error)));
  }

  private async statesBefore({ dependsOn = [] }: JobDetail): Promise<string[]> {
    const ids = dependsOn.map(({ jobId }) => jobId!);
    const { jobQueue, gpu } = this.farm.description;
    const all = [...(await this.farm.jobs(jobQueue)), ...(gpu ? await this.farm.jobs(gpu.jobQueue) : [])];
    return ids.map((id) => all.find(({ jobId }) => jobId === id)?.status ?? 'SUBMITTED');
  }

  private async run(job: JobDetail, isOnGpu: boolean): Promise<void> {
    const id = job.jobId!;
    this.running.set(id, new Set());
    const { faults } = this;
    await this.tell(id, { status: 'RUNNING', startedAt: Date.now() });
    const size = job.arrayProperties?.size;
    const indexes = size === undefined ? [undefined] : Array.from({ length: size }, (_, index) => index);
    const ends = await Promise.all(indexes.map((index) => this.runChild(job, index, isOnGpu)));
    const fault = await Promise.resolve(faults.beforeEnd?.(job)).then(() => undefined, String);
    const [described] = (await this.farm.describe([id])) ?? [];
    if (described?.status === 'FAILED') {
      if (faults.reason !== undefined) await this.tell(id, { statusReason: faults.reason });
      return;
    }
    await this.tell(id, { stoppedAt: Date.now() });
    if (fault !== undefined) return this.farm.fail(id, fault);
    if (ends.every((end) => end === 0)) return this.farm.done(id);
    await this.farm.fail(
      id,
      size === undefined ? 'Essential container in task exited' : 'Array Child Job failed',
    );
  }

  /** The last exit code of the job or its child. */
  private async runChild(job: JobDetail, index: number | undefined, isOnGpu: boolean): Promise<number> {
    const id = index === undefined ? job.jobId! : `${job.jobId!}:${index}`;
    const attempts: NonNullable<JobDetail['attempts']> = [];
    const first = Date.now();
    for (let exitCode = -1; ;) {
      const startedAt = Date.now();
      await this.tell(id, { status: 'RUNNING', startedAt: first });
      exitCode = await this.attempt(job, index, attempts.length + 1, isOnGpu);
      attempts.push({ startedAt, stoppedAt: Date.now(), container: { exitCode } });
      const [parent] = await this.farm.describe([job.jobId!]);
      const mayRetry = !this.faults.noRetry && attempts.length < MOST_ATTEMPTS && parent?.status !== 'FAILED';
      if (mayRetry && Object.values(EXIT).some(({ code, retry }) => retry && code === exitCode)) continue;
      const status = exitCode === 0 ? 'SUCCEEDED' : 'FAILED';
      // A plain job's state changes at its end, with the event.
      await this.tell(id, { attempts, stoppedAt: Date.now(), ...(index !== undefined && { status }) });
      return exitCode;
    }
  }

  private async attempt(
    { jobId, container }: JobDetail,
    index: number | undefined,
    attempt: number,
    isOnGpu: boolean,
  ): Promise<number> {
    const scratch = mkdtempSync(this.at('scratch-'));
    chownSync(scratch, WORKER, WORKER);
    chmodSync(scratch, this.faults.scratchMode ?? 0o700);
    const withGpu = isOnGpu && !this.faults.noGpu;
    const environment = {
      ...this.aws.environment(await this.farm.credentialsOf('JobsWorkerRole')),
      NODE_EXTRA_CA_CERTS: this.at('server.crt'),
      HOME: scratch,
      TMPDIR: scratch,
      SPOTREEL_CACHE: this.at('cache'),
      SPOTREEL_SPOT_NOTICE: join(this.at('host'), 'spot-notice.json'),
      // Nothing listens on this port.
      AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:2',
      AWS_BATCH_JOB_ID: jobId!,
      AWS_BATCH_JOB_ATTEMPT: String(attempt),
      ...(index !== undefined && { AWS_BATCH_JOB_ARRAY_INDEX: String(index) }),
      ...(withGpu && { PATH: `${this.at('gpu')}:${process.env.PATH ?? ''}` }),
      ...this.faults.environment,
    };
    const mount = 'mount --bind "$TMPDIR" "$TMPDIR" && exec "$@"';
    const user = ['setpriv', `--reuid=${WORKER}`, `--regid=${WORKER}`, '--clear-groups', '--'];
    const worker = [process.execPath, join(this.at('dist'), 'worker.js'), ...(container?.command ?? [])];
    const [program, ...rest] = ['unshare', '--mount', 'sh', '-c', mount, 'sh', ...user, ...worker];
    const child = spawn(program, rest, {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: scratch,
    });
    for (const stream of [child.stdout, child.stderr]) stream.resume();
    this.running.get(jobId!)?.add(child);
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 137));
    });
    this.running.get(jobId!)?.delete(child);
    rmSync(scratch, { recursive: true, force: true });
    return exitCode;
  }

  private async tell(jobId: string, told: Partial<JobDetail>): Promise<void> {
    await this.farm.fail(jobId, JOB_TOLD + JSON.stringify(told));
  }
}
