/** What asks a program to stop, and the exit code that a shell gives for it (128 + the signal's number). */
const STOP_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Calls `stop` once with the exit code when the program is asked to stop. A second signal ends the program at once.
 * Gives the function that stops listening.
 */
export function onStopSignal(stop: (exitCode: number) => void): () => void {
  let asked = false;
  const listeners = Object.entries(STOP_SIGNALS).map(([signal, exitCode]) => {
    const listener = () => {
      if (asked) process.exit(exitCode);
      asked = true;
      stop(exitCode);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => listeners.forEach((remove) => remove());
}

/** Whether a command was asked to stop. */
export interface StopRequest {
  /** Aborted then. */
  readonly signal: AbortSignal;
  /** What to end with then; 0 until then. */
  readonly exitCode: () => number;
  /** Stops listening. */
  readonly release: () => void;
}

/** Listens for signals that ask the program to stop, and aborts `stop` by the first. */
export function listenForStop(stop = new AbortController()): StopRequest {
  let exitCode = 0;
  const release = onStopSignal((code) => {
    exitCode = code;
    stop.abort();
  });
  return { signal: stop.signal, exitCode: () => exitCode, release };
}
