import { existsSync, statSync } from 'node:fs';
import { CommanderError } from 'commander';
import { messageOf, SpotreelError } from '../core/errors';
import { PreflightError } from '../core/preflight/preflight-error';
import { printable } from '../core/printable';
import { buildProgram } from './program/build-program';
import { quotingHint } from './quoting-hint';
import { reportFindings } from './report-findings';

/** Exit codes of the command line that are the same for all commands. */
const CLI_EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Runs one command line (without `node` and the program) and gives its exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exitCode: number = CLI_EXIT.done;
  const program = buildProgram(async (command) => {
    exitCode = await command();
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (isExcess(error)) process.stderr.write(`${printable(quotingHint(argv, isFile))}\n`);
    return reportError(error);
  }
}

const isExcess = (error: unknown): boolean =>
  error instanceof CommanderError && error.code === 'commander.excessArguments';

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

/** What is wrong in one line; of a scene with several faults each has a line of its own before. */
function describeError(error: unknown): string {
  if (!(error instanceof PreflightError)) return messageOf(error);
  const { headline, findings } = error;
  reportFindings(findings.filter(({ message }) => message !== headline));
  return headline;
}

function reportError(error: unknown): number {
  // commander has printed its own; help asked for is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? CLI_EXIT.done : CLI_EXIT.usage;
  process.stderr.write(`spotreel: ${printable(describeError(error))}\n`);
  if (error instanceof SpotreelError) return error.kind === 'usage' ? CLI_EXIT.usage : CLI_EXIT.failed;
  if (error instanceof Error && error.stack) process.stderr.write(`${printable(error.stack)}\n`);
  return CLI_EXIT.failed;
}
