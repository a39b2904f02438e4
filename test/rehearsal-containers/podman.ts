import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The result of podman. */
export interface PodmanResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PodmanOptions {
  /** Called with each line of standard output as it comes. */
  readonly onLine?: (line: string) => void;
}

/** The type that `statfs` gives for an overlay file system, on which the kernel allows no other overlay. */
const OVERLAYFS_MAGIC = 0x794c7630;

/**
 * podman with a storage of its own, so that the user's images and containers stay untouched. It is in the user's cache
 * folder, so that the next rehearsal finds its images again; deleting the folder frees the space.
 */
export class Podman {
  /** The folder of the storage and of other files worth keeping. */
  readonly folder: string;
  private readonly environment: NodeJS.ProcessEnv;

  /** Throws with a fix if podman cannot work. */
  constructor() {
    checkMachine();
    this.folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'spotreel/containers');
    mkdirSync(this.folder, { recursive: true });
    const [engine, storage] = [join(this.folder, 'containers.conf'), join(this.folder, 'storage.conf')];
    writeFileSync(engine, ENGINE_CONF);
    writeFileSync(storage, storageConf(this.folder));
    this.environment = { ...process.env, CONTAINERS_CONF: engine, CONTAINERS_STORAGE_CONF: storage };
  }

  /** Runs podman to its end and never throws for its exit code. */
  async try(args: readonly string[], { onLine }: PodmanOptions = {}): Promise<PodmanResult> {
    const child = spawn('podman', args, {
      // conmon leaves a file where it was started, of a container that ran out of memory.
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

  /** The same, but throws with the end of podman's output if it does not end with 0. Gives its trimmed output. */
  async run(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.try(args);
    if (exitCode === 0) return stdout.trim();
    throw new Error(
      `podman ${args.join(' ')} ended with ${exitCode}: ${`${stdout}\n${stderr}`.trim().slice(-4000)}`,
    );
  }
}

function checkMachine(): void {
  if (process.platform !== 'linux') {
    throw new Error(
      `containers are rehearsed on Linux alone, and this is ${process.platform}: use a Linux machine`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new Error(
      'containers are rehearsed as root, who alone can make their base image: use root or sudo',
    );
  }
  for (const program of ['podman', 'runc', 'debootstrap', 'catatonit']) {
    if (onPath(program)) continue;
    throw new Error(`${program} is missing; run: node scripts/setup.mjs --containers`);
  }
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

/**
 * The network of the host, as AWS Batch has it
 * (https://docs.aws.amazon.com/batch/latest/userguide/networking-modes-jobs.html). The rest is for machines without
 * systemd.
 */
const ENGINE_CONF = `[containers]
netns = "host"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
tmp_dir = "/run/spotreel-rehearsal/tmp"
`;

function storageConf(folder: string): string {
  const driver = statfsSync(folder).type === OVERLAYFS_MAGIC ? 'vfs' : 'overlay';
  return `[storage]
driver = "${driver}"
graphroot = ${JSON.stringify(join(folder, 'storage'))}
runroot = "/run/spotreel-rehearsal/run"
`;
}
