import type { FaultKind } from '../errors';
import { SpotreelError } from '../errors';
import { printableName } from '../printable';
import type { PreflightFinding } from './findings';

/**
 * Why a scene is not rendered: at least one of `findings` is an error. With one, code and message are its own; with
 * several the code is `preflight`, and the message counts them in its first line and lists them below.
 */
export class PreflightError extends SpotreelError {
  /** All of them, errors first. */
  readonly findings: readonly PreflightFinding[];

  /** `grouped` has one sentence in place of several errors of a code, by that code. */
  constructor(
    file: string,
    findings: readonly PreflightFinding[],
    kind: FaultKind = 'scene',
    grouped: ReadonlyMap<string, string> = new Map(),
  ) {
    const errors = groupErrors(
      findings.filter(({ severity }) => severity === 'error'),
      grouped,
    );
    const [first, second] = errors;
    const only = second ? undefined : first;
    super(only?.code ?? 'preflight', kind, only?.message ?? describe(file, errors));
    this.findings = findings;
  }

  /** The message without the findings in it. */
  get headline(): string {
    return this.message.split('\n', 1)[0]!;
  }
}

function describe(file: string, errors: readonly Pick<PreflightFinding, 'code' | 'message'>[]): string {
  const lines = errors.map(({ code, message }) => `- ${code}: ${message}`);
  return [`${errors.length} errors in ${printableName(file)}`, ...lines].join('\n');
}

function groupErrors(
  errors: readonly PreflightFinding[],
  grouped: ReadonlyMap<string, string>,
): Pick<PreflightFinding, 'code' | 'message'>[] {
  const found = errors.map(({ code, message }) => ({ code, message: grouped.get(code) ?? message }));
  return [...new Map(found.map((one) => [JSON.stringify([one.code, one.message]), one])).values()];
}
