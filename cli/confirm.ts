import { createInterface } from 'node:readline/promises';
import { SpotreelError } from '../core/errors';
import { printable } from '../core/printable';

/** Asks on the terminal. Throws `bad-usage` where there is none; `instead` says what to give then. */
export async function confirm(
  question: string,
  instead = 'give --yes to go on without being asked',
): Promise<boolean> {
  if (!process.stdin.isTTY) {
    const message = `there is no terminal to ask on: ${instead}`;
    throw new SpotreelError('bad-usage', 'usage', message);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${printable(question)} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
