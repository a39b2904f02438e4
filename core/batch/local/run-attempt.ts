import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { messageOf } from '../../errors';
import { findExecutable } from '../../processes/find-executable';
import { LineSplitter } from '../../line-splitter';
import { withLifeline } from '../../processes/lifeline';
import type { AttemptOutcome } from './attempt-event';
import { timeStamp } from './time-stamp';

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
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeoutSeconds: number;
}

export interface RunningAttempt {
  /** Never rejects: a program that can't be started is an outcome as well. */
  readonly ended: Promise<AttemptOutcome>;
  /** SIGTERM, then SIGKILL after the stop timeout. Without effect once it is being stopped or has ended. */
  stop(): void;
}

/** How long to read on after the end of the program when a process that left its group still holds the pipes. */
const OUTPUT_GRACE_MS = 1_000;

/** Bytes of a line: the worker's events are shorter, whatever characters are escaped in them. */
const MOST_LOG_LINE_BYTES = 512 * 1024;

/** The longest time that a timer can hold, 24 days; a longer timeout is as good as none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs one attempt as a process in a group and session of its own, so that a Ctrl-C in the terminal reaches the
 * scheduler alone. Its standard input is a pipe that stays open while the scheduler lives: a program that reads its
 * end knows that it is alone.
 */
export function runAttempt(request: AttemptRequest): RunningAttempt {
  const [name = '', ...args] = request.command;
  const program = findExecutable(name, request.environment.PATH);
  if (program === undefined) {
    return notStarted(`"${name}" is no executable file and not on the PATH; change the job's command`);
  }
  let log: number | undefined;
  try {
    log = openSync(request.logFile, 'a');
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
  let hasExited = false;
  const timers: NodeJS.Timeout[] = [];

  function stop(by: 'caller' | 'timeout'): void {
    if (hasExited || stoppedBy !== undefined) return;
    stoppedBy = by;
    // Only the program itself gets SIGTERM, as in a container: what it started, it ends in its own order.
    child.kill('SIGTERM');
    timers.push(setTimeout(() => killGroup(child), stopTimeoutSeconds * 1000));
  }

  const ended = new Promise<AttemptOutcome>((resolve) => {
    const endLog = writeLog(child, log, request.onLogLine);
    const finish = (outcome: AttemptOutcome): void => {
      timers.forEach(clearTimeout);
      endLog();
      resolve(outcome);
    };
    child.once('error', (error) => {
      // Also emitted when a signal could not be sent: that says nothing of the start.
      if (child.pid === undefined) finish(startFailure(error.message));
    });
    child.once('exit', (code, signal) => {
      hasExited = true;
      killGroup(child);
      const exitCode = signal === null ? (code ?? undefined) : 128 + constants.signals[signal];
      const outcome = { exitCode, stoppedBy };
      const grace = setTimeout(finish, OUTPUT_GRACE_MS, outcome);
      child.once('close', () => finish(outcome));
      timers.push(grace);
    });
  });
  if (timeoutSeconds !== undefined && timeoutSeconds * 1000 <= MAX_TIMER_MS) {
    timers.push(setTimeout(() => stop('timeout'), timeoutSeconds * 1000));
  }
  return { ended, stop: () => stop('caller') };
}

/** Ends the whole group at once, and so whatever the program left behind. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody is left in the group.
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
