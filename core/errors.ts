/**
 * The kind of an error, which decides the exit code (see `core/jobs/worker.ts`).
 *
 * - `usage`: the command or its arguments are wrong.
 * - `scene`: the scene, its files or its settings are wrong; a retry does not help.
 * - `passing`: network, disk, another process; a retry may help.
 * - `stopped`: not a fault: the user or system stopped it early; the same command resumes.
 * - `internal`: a bug of Spotreel.
 */
export type FaultKind = 'usage' | 'scene' | 'passing' | 'stopped' | 'internal';

/**
 * The base class of all errors. Callers compare `code`, which is stable. `message` names the file, frame or setting and says what to
 * change, in lower case and without a full stop.
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

/** The message of any thrown value, for a log or a user. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error such as `ENOENT`, or of a `SpotreelError`; `undefined` without one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
