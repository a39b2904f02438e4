import type { Command } from 'commander';

/** What help and docs/cli.md tell of a command besides its arguments and options. */
export interface Explanation {
  /** Lines of prose. */
  readonly notes?: string;
  /** What each exit code means, in ascending order. */
  readonly exitCodes: ReadonlyArray<readonly [code: number, meaning: string]>;
  /** Command lines, each with a word on it where it needs one. */
  readonly examples: readonly string[];
}

const explanations = new WeakMap<Command, Explanation>();

/** Puts an explanation behind the help of a command. */
export function explain(command: Command, explanation: Explanation): Command {
  explanations.set(command, explanation);
  return command.addHelpText('after', () => `\n${describe(explanation)}`);
}

/** What `explain` was given. A command that nobody explained is a fault. */
export function explanationOf(command: Command): Explanation {
  const explanation = explanations.get(command);
  if (!explanation) throw new Error(`nobody explained the command ${command.name()}`);
  return explanation;
}

function describe({ notes, exitCodes, examples }: Explanation): string {
  const width = Math.max(...exitCodes.map(([code]) => String(code).length));
  const codes = exitCodes.map(([code, meaning]) => `  ${String(code).padEnd(width)}  ${meaning}`);
  return [
    ...(notes === undefined ? [] : [notes, '']),
    'Exit codes:',
    ...codes,
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
  ].join('\n');
}
