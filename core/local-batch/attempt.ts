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
import { evaluateOnExit } from './dependencies';
import { childOf, type JobEvent, type JobState } from './job-state';

/** How an attempt's process ended. */
export interface AttemptOutcome {
  /** 128 + n when signal n killed it; absent when nothing came up. */
  readonly exitCode?: number;
  readonly reason?: string;
  /** Who sent it SIGTERM while it ran; absent when it ended by itself. */
  readonly stoppedBy?: 'caller' | 'timeout';
}

/**
 * What the end of an attempt means for its child: success, another attempt, failure, or an attempt that was lost
 * because the scheduler itself is being stopped.
 *
 * The status reasons are AWS Batch's and ECS's own words (as seen in their users' logs), because rules match them.
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

/** `2026-11-22T10:00:00.000Z `: what stands before each line of a log, as CloudWatch Logs keeps a time with each. */
export function timeStamp(at: number): string {
  return `${new Date(at).toISOString()} `;
}

const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.*)$/s;

/** A line of a log and its time, in milliseconds since 1970; none where an earlier Spotreel wrote it. */
export function parseStamped(line: string): { readonly at?: number; readonly text: string } {
  const [, stamp, text] = STAMPED.exec(line) ?? [];
  return stamp === undefined || text === undefined ? { text: line } : { at: Date.parse(stamp), text };
}

interface AttemptRequest {
  /** The program and its arguments; the program is looked up on the `PATH` of `environment`. */
  readonly command: readonly string[];
  /** All of it: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** Standard output and error are appended to it, line by line, each behind `timeStamp`. */
  readonly logFile: string;
  readonly onLogLine: (line: string) => void;
  /** From the start of the attempt to its SIGTERM. */
  readonly timeoutSeconds?: number;
  /** From SIGTERM to the killing of the program and all that it started. */
  readonly stopTimeoutSeconds: number;
}

export interface RunningAttempt {
  /** Never rejects: a program that can't be started is an outcome as well. */
  readonly ended: Promise<AttemptOutcome>;
  /** SIGTERM to the program, then all are killed after the stop timeout. Without effect once it is being stopped or has ended. */
  stop(): void;
}

/** Bytes of a line: the worker's events are shorter, whatever characters are escaped in them. */
const MOST_LOG_LINE_BYTES = 512 * 1024;

/** The longest time that a timer can hold, 24 days; a longer timeout is as good as none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs one attempt under a supervisor in a group and session of its own, so that a Ctrl-C in the terminal reaches the
 * scheduler alone. Its standard input is a pipe that stays open while the scheduler lives: a program that reads its
 * end knows that it is alone.
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
    // Only the program itself gets SIGTERM, as in a container: what it started, it ends in its own order.
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
  return { ended, stop: () => stop('caller') };
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Without a supervisor: kills what the program left behind in its group. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined || killSignal() !== 'SIGKILL') return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty.
  }
}

/** Writes whole lines of both streams in the order of their arrival; returns what ends the log. */
function writeLog(child: ChildProcess, log: number, onLogLine: (line: string) => void): () => void {
  let isOpen = true;
  const onLine = (line: string): void => {
    if (!isOpen) return;
    onLogLine(line);
    try {
      writeSync(log, `${timeStamp(Date.now())}${line}\n`);
    } catch {
      // A full disk must not fail the attempt; its listener still gets every line.
    }
  };
  const lines = [child.stdout, child.stderr].map((stream) => {
    const streamLines = new LineSplitter(onLine, MOST_LOG_LINE_BYTES);
    stream?.on('data', (chunk: Buffer) => streamLines.push(chunk));
    return streamLines;
  });
  // A program that closes its standard input is no reason to fall over.
  child.stdin?.on('error', () => undefined);
  return () => {
    for (const streamLines of lines) streamLines.end();
    isOpen = false;
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    closeSync(log);
  };
}

function notStarted(message: string): RunningAttempt {
  return { ended: Promise.resolve(startFailure(message)), stop: () => undefined };
}

function startFailure(message: string): AttemptOutcome {
  return { reason: `CannotStartContainerError: ${message}` };
}
