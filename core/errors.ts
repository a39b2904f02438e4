/**
 * What kind of fault an error is; decides the exit code (see `core/jobs/worker.ts`).
 *
 * - `usage`: the command or its arguments are wrong.
 * - `scene`: the scene, its files or its settings are at fault; trying again can't help.
 * - `passing`: network, disk, another process; trying again may help.
 * - `stopped`: no fault, it was asked to stop before it was done; starting again goes on.
 * - `internal`: a fault of Spotreel's own.
 */
export type FaultKind = 'usage' | 'scene' | 'passing' | 'stopped' | 'internal';

/**
 * The one base error. `code` is stable and is what callers compare; `message` names the file, frame or setting
 * and says what to change, in lower case and without a full stop.
 */
export class SpotreelError extends Error {
  readonly code: string;
  readonly kind: FaultKind;

  constructor(code: string, kind: FaultKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.kind = kind;
  }
}

/** The message of anything thrown, for a log line or a user. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error such as `ENOENT`, or of a `SpotreelError`; `undefined` where there is none. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
