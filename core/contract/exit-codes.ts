import { SpotreelError, type FaultKind } from '../errors';

/**
 * Exit codes of the worker, after BSD's sysexits; 143 is what a shell gives for SIGTERM. The job definition's retry
 * strategy is generated from `retry` (see `retry-strategy.ts`).
 */
export const EXIT = {
  done: { code: 0, retry: false },
  /** Wrong usage. */
  usage: { code: 64, retry: false },
  /** The scene or its files are at fault. */
  scene: { code: 65, retry: false },
  /** A fault of Spotreel's own: the same again would fail the same way. */
  internal: { code: 70, retry: false },
  /** A passing fault. */
  passing: { code: 75, retry: true },
  /** Stopped by SIGTERM. */
  stopped: { code: 143, retry: true },
} as const satisfies Record<string, { code: number; retry: boolean }> & Record<FaultKind, unknown>;

/** The exit code for an error that ended the worker. */
export function exitCodeOf(error: unknown): number {
  return EXIT[error instanceof SpotreelError ? error.kind : 'internal'].code;
}
