import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Wall-clock seconds of a program, and the peak memory of those of its processes that `isOwn` picks. */
export interface Measured {
  readonly seconds: number;
  /** The largest single process, in bytes; 0 if none was picked or `/proc` is missing. */
  readonly peakMemoryBytes: number;
}

/**
 * Milliseconds between looks at `/proc`. The kernel keeps the peak, so only the last moments of a process are missed; a
 * look reads every process's command line, and more looks would slow down the measured program.
 */
const LOOK_EVERY = 1000;

/** Of /proc, on all usual machines. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICKS_PER_SECOND = 100;

/** Runs a program to its end. Throws if it fails. */
export async function measure(
  argv: readonly string[],
  options: { environment?: NodeJS.ProcessEnv; isOwn?: (commandLine: string) => boolean } = {},
): Promise<Measured> {
  const { environment = {}, isOwn } = options;
  let peakMemoryBytes = 0;
  const look = () => {
    if (isOwn) peakMemoryBytes = Math.max(peakMemoryBytes, peakMemoryOf(isOwn));
  };
  const timer = setInterval(look, LOOK_EVERY);
  const began = process.hrtime.bigint();
  try {
    await run(argv, environment);
  } finally {
    clearInterval(timer);
  }
  return { seconds: Number(process.hrtime.bigint() - began) / 1e9, peakMemoryBytes };
}

/** Runs a program without showing its output. If it does not end with 0, throws with the end of its output. */
export function run(argv: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<void> {
  const [program, ...args] = argv;
  const child = spawn(program!, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (data) => (words = (words + data).slice(-2000)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${argv.join(' ')} ended with ${code}: ${words}`));
    });
  });
}

/** The largest peak resident set (`VmHWM`) of the processes picked by their command lines. Linux only. */
function peakMemoryOf(isOwn: (commandLine: string) => boolean): number {
  const peaks = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isOwn(read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')))
    .map((pid) => /VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1]);
  return Math.max(0, ...peaks.map((kilobytes) => Number(kilobytes ?? 0) * 1024));
}

/** User and system seconds so far of the running processes picked by their command lines. Linux only. */
export function cpuSecondsOf(isOwn: (commandLine: string) => boolean): number {
  const ticks = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isOwn(read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')))
    .map((pid) => {
      // After the name in brackets, which may contain spaces.
      const fields = read(`/proc/${pid}/stat`)
        .replace(/^.*\) /s, '')
        .split(' ');
      return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
    });
  return ticks.reduce((sum, count) => sum + count, 0) / TICKS_PER_SECOND;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `1.234 (1.200 to 1.300)`: the median and the range of the runs. */
export function spread(values: readonly number[], digits = 2): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}
