import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { messageOf } from '../errors';
import type { RetryStrategy } from '../jobs/batch';
import {
  endOf,
  findExecutable,
  killProgram,
  killSignal,
  LineSplitter,
  withLifeline,
} from '../processes/run-program';
import { openRegularFile } from '../storage/file-storage';
import { childOf, evaluateOnExit, type JobEvent, type JobState } from './job-state';

export interface AttemptOutcome {
  /** 128 + n if signal n killed it; absent if no process started. */
  readonly exitCode?: number;
  readonly reason?: string;
  /** Who sent SIGTERM while it ran; absent if it ended without a signal. */
  readonly stoppedBy?: 'caller' | 'timeout';
}

/**
 * The event of an attempt's end: success, another attempt, failure, or `lost` if the scheduler itself is being stopped. Uses the status
 * reasons of AWS Batch and ECS, as seen in logs of their users, because retry rules match them.
 */
export function attemptEvent(
  job: JobState,
  index: number,
  outcome: AttemptOutcome,
  strategy: RetryStrategy,
  at: number,
): JobEvent {
  const { terminated, attempts } = childOf(job, index);
  const { exitCode, reason, stoppedBy } = outcome;
  const ended = { type: 'ended', at, index, exitCode, reason } as const;

  // Source: https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html: not retried
  if (stoppedBy === 'timeout') {
    return { ...ended, status: 'FAILED', statusReason: 'Job attempt duration exceeded timeout' };
  }
  if (stoppedBy === 'caller') {
    return terminated === undefined
      ? { type: 'lost', at, index }
      : { ...ended, status: 'FAILED', statusReason: terminated };
  }
  if (exitCode === 0) return { ...ended, status: 'SUCCEEDED' };

  const statusReason = exitCode === undefined ? 'Task failed to start' : 'Essential container in task exited';
  const isRetried =
    terminated === undefined &&
    attempts.length + 1 < strategy.attempts &&
    evaluateOnExit(strategy.evaluateOnExit ?? [], { exitCode, reason, statusReason }) === 'RETRY';
  return { ...ended, status: isRetried ? 'RUNNABLE' : 'FAILED', statusReason };
}

/** `2026-11-22T10:00:00.000Z `: the prefix of each line of a log. CloudWatch Logs also keeps a time for each line. */
export function timeStamp(at: number): string {
  return `${new Date(at).toISOString()} `;
}

const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.*)$/s;

/** A line of a log and its time in milliseconds since 1970. Logs of earlier versions have no times. */
export function parseStamped(line: string): { readonly at?: number; readonly text: string } {
  const [, stamp, text] = STAMPED.exec(line) ?? [];
  return stamp === undefined || text === undefined ? { text: line } : { at: Date.parse(stamp), text };
}

interface AttemptRequest {
  /** The program, searched for on the `PATH` of `environment`, and its arguments. */
  readonly command: readonly string[];
  /** Complete: the program inherits no other variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Receives the lines of standard output and error at its end, each after a `timeStamp`. */
  readonly logFile: string;
  readonly onLogLine: (line: string) => void;
  /** From the start of the attempt to its SIGTERM. */
  readonly timeoutSeconds?: number;
  /** From SIGTERM until the program and all its descendants are killed. */
  readonly stopTimeoutSeconds: number;
}

export interface RunningAttempt {
  /** Never rejects: a failed start is an outcome, too. */
  readonly ended: Promise<AttemptOutcome>;
  /** Sends SIGTERM, and kills the program and its descendants after the stop timeout. No effect if it is being stopped or has ended. */
  stop(): void;
  /** Writes `threads=<count>` to its standard input: how many threads it may use from now on. No effect if it has ended. */
  useThreads(count: number): void;
}

/** An attempt that started no process. */
export function withoutProcess(outcome: AttemptOutcome): RunningAttempt {
  return { ended: Promise.resolve(outcome), stop: () => undefined, useThreads: () => undefined };
}

/** In bytes. The worker's events are shorter, even if all their characters are escaped. */
const MOST_LOG_LINE_BYTES = 512 * 1024;

/** The longest time of a timer, 24 days; a longer timeout is ignored. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs one attempt under a supervisor in its own process group and session, so that Ctrl-C in the terminal reaches only the scheduler.
 * Its standard input is a pipe that is open while the scheduler lives: a program that reads its end knows that the scheduler died.
 */
export function runAttempt(request: AttemptRequest): RunningAttempt {
  const [name = '', ...args] = request.command;
  const program = findExecutable(name, request.environment.PATH);
  if (program === undefined) {
    return notStarted(`"${name}" is not an executable file and not on the PATH; change the job's command`);
  }
  let log: number | undefined;
  try {
    log = openRegularFile(request.logFile, 'append');
    const [wrapper = program, ...wrapperArgs] = withLifeline([program, ...args]);
    const options = { env: { ...request.environment }, detached: true, stdio: 'pipe' } as const;
    return watchAttempt(spawn(wrapper, wrapperArgs, options), log, request);
  } catch (error) {
    if (log !== undefined) closeSync(log);
    return notStarted(messageOf(error));
  }
}

function watchAttempt(child: ChildProcess, log: number, request: AttemptRequest): RunningAttempt {
  const { stopTimeoutSeconds, timeoutSeconds } = request;
  let stoppedBy: AttemptOutcome['stoppedBy'];
  const timers: NodeJS.Timeout[] = [];

  function stop(by: 'caller' | 'timeout'): void {
    if (hasExited(child) || stoppedBy !== undefined) return;
    stoppedBy = by;
    // As in a container, only the program itself gets SIGTERM. It ends its descendants in its own order.
    child.kill('SIGTERM');
    timers.push(setTimeout(() => killProgram(child), stopTimeoutSeconds * 1000));
  }

  const endLog = writeLog(child, log, request.onLogLine);
  child.once('exit', () => killGroup(child));
  const ended = endOf(child)
    .then(
      ({ exitCode, signal }) => ({
        exitCode: signal === null ? (exitCode ?? undefined) : 128 + constants.signals[signal],
        stoppedBy,
      }),
      (error: unknown) => startFailure(messageOf(error)),
    )
    .finally(() => {
      timers.forEach(clearTimeout);
      endLog();
    });
  if (timeoutSeconds !== undefined && timeoutSeconds * 1000 <= MAX_TIMER_MS) {
    timers.push(setTimeout(() => stop('timeout'), timeoutSeconds * 1000));
  }
  return {
    ended,
    stop: () => stop('caller'),
    useThreads: (count) => void (child.stdin?.writable && child.stdin.write(`threads=${count}\n`)),
  };
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Without a supervisor: kills the remaining processes of the program's group. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined || killSignal() !== 'SIGKILL') return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty.
  }
}

/** Writes whole lines of both streams in the order of their arrival. Returns a function that ends the log. */
function writeLog(child: ChildProcess, log: number, onLogLine: (line: string) => void): () => void {
  let isOpen = true;
  let text = '';
  const onLine = (line: string): void => {
    if (!isOpen) return;
    onLogLine(line);
    text += `${timeStamp(Date.now())}${line}\n`;
  };
  // Once for the lines of a chunk: a frame has a hundred lines.
  const write = (): void => {
    if (text === '') return;
    try {
      writeSync(log, text);
    } catch {
      // A full disk must not fail the attempt; the listener still gets every line.
    }
    text = '';
  };
  const lines = [child.stdout, child.stderr].map((stream) => {
    const streamLines = new LineSplitter(onLine, MOST_LOG_LINE_BYTES);
    stream?.on('data', (chunk: Buffer) => {
      streamLines.push(chunk);
      write();
    });
    return streamLines;
  });
  // The program may close its standard input.
  child.stdin?.on('error', () => undefined);
  return () => {
    for (const streamLines of lines) streamLines.end();
    write();
    isOpen = false;
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    closeSync(log);
  };
}

function notStarted(message: string): RunningAttempt {
  return withoutProcess(startFailure(message));
}

function startFailure(message: string): AttemptOutcome {
  return { reason: `CannotStartContainerError: ${message}` };
}
