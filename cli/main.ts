import { existsSync, statSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { messageOf, SpotreelError } from '../core/errors';
import { PreflightError } from '../core/scene/preflight';
import { printable } from '../core/text';
import { version } from '../package.json';
import { addCancel } from './commands/cancel';
import { addDelete } from './commands/delete';
import { addDoctor } from './commands/doctor';
import { addDownload } from './commands/download';
import { addEstimate } from './commands/estimate';
import { addFarm } from './commands/farm';
import { addInspect } from './commands/inspect';
import { addList } from './commands/list';
import { addLogs } from './commands/logs';
import { addReceipt } from './commands/receipt';
import { addRender } from './commands/render';
import { addRetry } from './commands/retry';
import { addStatus } from './commands/status';
import { addSubmit } from './commands/submit';
import { addWatch } from './commands/watch';
import type { Run } from './help';
import { errorJson, print, reportFindings } from './output';

/**
 * All commands, in the order of help: what each takes and tells. What a command does is loaded only when it is run, so that
 * help comes at once.
 */
export function buildProgram(run: Run): Command {
  const program = new Command('spotreel')
    .description(
      'Renders a Blender scene, every frame and a video of them, on this machine or on a farm in AWS.',
    )
    .version(version)
    .exitOverride()
    .showHelpAfterError('(spotreel --help tells more)');
  const adders = [
    addRender,
    addSubmit,
    addEstimate,
    addInspect,
    addList,
    addStatus,
    addWatch,
    addReceipt,
    addLogs,
    addDownload,
    addCancel,
    addRetry,
    addDelete,
    addFarm,
    addDoctor,
  ];
  for (const add of adders) add(program, run);
  return program;
}

/**
 * What to do about too many arguments: most often a shell has split a path at its spaces. Names the path if several
 * arguments in a row make one. `isFile` tells whether a path is there. Pure but for that.
 */
export function quotingHint(argv: readonly string[], isFile: (path: string) => boolean): string {
  const path = joinedPath(argv, isFile);
  if (path === undefined) return 'a path with spaces needs quotes: "my film.blend"';
  return `"${path}" is one file: put its path in quotes`;
}

/** The longest run of arguments that make the path of a file, joined by spaces. */
function joinedPath(argv: readonly string[], isFile: (path: string) => boolean): string | undefined {
  for (let count = Math.min(argv.length, MOST_JOINED); count > 1; count -= 1) {
    for (let start = 0; start + count <= argv.length; start += 1) {
      const path = argv.slice(start, start + count).join(' ');
      if (isFile(path)) return path;
    }
  }
  return undefined;
}

/** Words of one path; more are not tried. */
const MOST_JOINED = 20;

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
    if (isExcess(error)) print(printable(quotingHint(argv, isFile)), process.stderr);
    const failedCode = reportError(error);
    if (failedCode !== CLI_EXIT.done && argv.includes('--json'))
      process.stdout.write(`${errorJson(error)}\n`);
    return failedCode;
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
  print(`spotreel: ${printable(describeError(error))}`, process.stderr);
  if (error instanceof SpotreelError) return error.kind === 'usage' ? CLI_EXIT.usage : CLI_EXIT.failed;
  if (error instanceof Error && error.stack) process.stderr.write(`${printable(error.stack)}\n`);
  return CLI_EXIT.failed;
}
