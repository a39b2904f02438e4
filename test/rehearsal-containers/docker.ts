import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The result of `docker`. */
export interface DockerResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DockerOptions {
  /** Called with each line of standard output as it comes. */
  readonly onLine?: (line: string) => void;
}

/** Seconds in which the daemon must answer. */
const START_SECONDS = 120;

/**
 * A Docker daemon of its own, so the user's images and containers stay untouched. Its storage is in the user's cache
 * folder, so the next rehearsal finds its images again; deleting the folder frees the space. It ends with this process.
 */
export class Docker {
  private constructor(
    /** The folder of the storage and of other files worth keeping. */
    readonly folder: string,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly daemon: ChildProcess,
  ) {}

  /** Throws with a fix if Docker Engine cannot run, or if another rehearsal uses the folder. */
  static async start(): Promise<Docker> {
    checkMachine();
    const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'spotreel/containers');
    // A socket's path is short.
    const run = `/run/spotreel-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`;
    for (const needed of [folder, run]) mkdirSync(needed, { recursive: true });
    const host = `unix://${join(run, 'docker.sock')}`;
    const docker = new Docker(folder, { ...process.env, DOCKER_HOST: host }, startDaemon(folder, run, host));
    await docker.answers(join(folder, LOG));
    return docker;
  }

  /** Runs `docker` to its end and never throws for its exit code. */
  async try(args: readonly string[], { onLine }: DockerOptions = {}): Promise<DockerResult> {
    const child = spawn('docker', args, {
      cwd: this.folder,
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr, rest] = ['', '', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine?.(line);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { exitCode, stdout, stderr };
  }

  /** The same, but throws with the end of Docker's output if it does not end with 0. Gives its trimmed output. */
  async run(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.try(args);
    if (exitCode === 0) return stdout.trim();
    throw new Error(
      `docker ${args.join(' ')} ended with ${exitCode}: ${`${stdout}\n${stderr}`.trim().slice(-4000)}`,
    );
  }

  /** Ends the daemon and its containers. */
  async stop(): Promise<void> {
    if (this.daemon.exitCode !== null || this.daemon.signalCode !== null) return;
    const ended = new Promise((resolve) => this.daemon.once('exit', resolve));
    this.daemon.kill('SIGTERM');
    await ended;
  }

  private async answers(log: string): Promise<void> {
    const giveUp = Date.now() + START_SECONDS * 1000;
    while ((await this.try(['version'])).exitCode !== 0) {
      if (this.daemon.exitCode !== null || Date.now() > giveUp) {
        await this.stop();
        throw new Error(
          `Docker Engine cannot start here (is another rehearsal running?): ${readFileSync(log, 'utf8').trim().slice(-2000)}`,
        );
      }
      await sleep(100);
    }
  }
}

const LOG = 'dockerd.log';

/**
 * Without a bridge: containers have the network of the host, as AWS Batch gives them
 * (https://docs.aws.amazon.com/batch/latest/userguide/networking-modes-jobs.html).
 */
function startDaemon(folder: string, run: string, host: string): ChildProcess {
  const log = openSync(join(folder, LOG), 'w');
  try {
    return spawn(
      // The daemon ends with the process that started it, even if that was killed.
      'setpriv',
      [
        ...['--pdeathsig', 'TERM', 'dockerd', '--host', host, '--pidfile', join(run, 'pid')],
        ...['--data-root', join(folder, 'docker'), '--exec-root', run],
        ...['--bridge=none', '--iptables=false', '--ip6tables=false'],
      ],
      { stdio: ['ignore', log, log] },
    );
  } finally {
    closeSync(log);
  }
}

function checkMachine(): void {
  if (process.platform !== 'linux') {
    throw new Error(`containers are rehearsed on Linux only, and this is ${process.platform}`);
  }
  if (process.getuid?.() !== 0) {
    throw new Error('only root can rehearse containers: Docker Engine needs it; use root or sudo');
  }
  for (const program of ['dockerd', 'docker', 'mmdebstrap']) {
    if (onPath(program)) continue;
    throw new Error(`${program} is missing; run: node scripts/setup.mjs --containers`);
  }
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}
