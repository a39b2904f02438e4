import type { ChildProcess } from 'node:child_process';
import { killSignal } from './lifeline';

/** How a program ended: exactly one of the two is not `null`. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long a program's pipes may stay open after it has exited. */
const PIPE_GRACE_MS = 2_000;

/** From the kill signal to a SIGKILL of the supervisor itself. */
const LAST_RESORT_MS = 10_000;

/**
 * Resolves when the program has exited and its pipes are closed, by force two seconds after the exit. Rejects if the program
 * could not be started.
 */
export function endOf(child: ChildProcess): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      // Also emitted when a signal could not be sent, which does not end the program.
      if (child.pid === undefined) reject(error);
    });
    let grace: NodeJS.Timeout | undefined;
    child.once('exit', () => {
      // A turn of the event loop reads what is in the pipes by then.
      grace = setTimeout(() => setImmediate(() => closePipes(child)), PIPE_GRACE_MS);
    });
    child.once('close', (exitCode, signal) => {
      clearTimeout(grace);
      resolve({ exitCode, signal });
    });
  });
}

/** Asks a program to end (SIGTERM), and kills it with all that it started after the grace period. */
export function stopProgram(child: ChildProcess, graceMs: number): void {
  child.kill('SIGTERM');
  setTimeout(() => killProgram(child), graceMs).unref();
}

/** Kills a program of `withLifeline` with all that it started. */
export function killProgram(child: ChildProcess): void {
  child.kill(killSignal());
  // A supervisor that was stopped from outside hears no other signal.
  child.kill('SIGCONT');
  // SIGKILL first would leave the supervisor's descendants alive.
  setTimeout(() => child.kill('SIGKILL'), LAST_RESORT_MS).unref();
}

function closePipes({ stdio }: ChildProcess): void {
  for (const stream of stdio) stream?.destroy();
}
