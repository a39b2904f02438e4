import { printable } from '../../core/printable';

/**
 * - `wrong`: a render can't be made like this.
 * - `warning`: some renders can't, or it could not be found out.
 * - `skipped`: it is not looked at, and why.
 */
export type CheckState = 'ok' | 'warning' | 'wrong' | 'skipped';

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly state: CheckState;
  readonly found: string;
  /** What to do about it. */
  readonly mend?: string;
}

export const ok = (name: string, found: string): Check => ({ name, state: 'ok', found });
export const skipped = (name: string, found: string, mend?: string): Check => ({
  name,
  state: 'skipped',
  found,
  ...(mend !== undefined && { mend }),
});
export const warning = (name: string, found: string, mend: string): Check => ({
  name,
  state: 'warning',
  found,
  mend,
});
export const wrong = (name: string, found: string, mend: string): Check => ({
  name,
  state: 'wrong',
  found,
  mend,
});

/** A line a check, and one for its mend. Pure. */
export function describeChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, state, found, mend }) => [
    `${state.padEnd(8)} ${name.padEnd(width)}  ${found}`,
    ...(mend === undefined ? [] : [`${' '.repeat(width + 11)}${mend}`]),
  ]);
  const count = (state: CheckState) => checks.filter((check) => check.state === state).length;
  const counts = [counted(count('wrong'), 'wrong'), counted(count('warning'), 'to look at')].filter(Boolean);
  return printable([...lines, counts.join(', ') || 'nothing is wrong'].join('\n'));
}

function counted(count: number, what: string): string {
  return count > 0 ? `${count} ${what}` : '';
}
