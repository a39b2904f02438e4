import { existsSync, statSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { messageOf, SpotreelError } from '../core/errors';
import { printable } from '../core/text';
import { version } from '../package.json';
import type { AddCommand, Run } from './help';
import { errorJson, print, reportFindings } from './output';

/** A command in `--help`; its file takes long to load. */
interface ListedCommand {
  readonly summary: string;
  readonly load: () => Promise<AddCommand>;
}

/** All commands, in the order of help. */
const COMMANDS: Readonly<Record<string, ListedCommand>> = {
  render: {
    summary: 'render the frames and the video of a scene on this machine',
    load: async () => (await import('./commands/render')).addRender,
  },
  submit: {
    summary: 'upload a scene to your farm on AWS and submit its render',
    load: async () => (await import('./commands/submit')).addSubmit,
  },
  estimate: {
    summary: 'render test frames, and estimate the time here and the cost on AWS',
    load: async () => (await import('./commands/estimate')).addEstimate,
  },
  inspect: {
    summary: 'show the scenes, settings and files of a .blend without starting Blender',
    load: async () => (await import('./commands/inspect')).addInspect,
  },
  list: {
    summary: 'list renders, the newest first',
    load: async () => (await import('./commands/list')).addList,
  },
  status: {
    summary: 'show the progress, failures and interruptions of a render',
    load: async () => (await import('./commands/status')).addStatus,
  },
  watch: {
    summary: 'show the progress of a render until it ends',
    load: async () => (await import('./commands/watch')).addWatch,
  },
  receipt: {
    summary: 'show the machine time, interruptions and cost of a render',
    load: async () => (await import('./commands/receipt')).addReceipt,
  },
  logs: {
    summary: 'show the logs of the worker and Blender',
    load: async () => (await import('./commands/logs')).addLogs,
  },
  download: {
    summary: 'download the files of a render that are missing here',
    load: async () => (await import('./commands/download')).addDownload,
  },
  cancel: {
    summary: 'stop a render and keep its frames',
    load: async () => (await import('./commands/cancel')).addCancel,
  },
  retry: {
    summary: 'render the missing frames of a render, then make its video again',
    load: async () => (await import('./commands/retry')).addRetry,
  },
  delete: {
    summary: 'delete a render with all of its files',
    load: async () => (await import('./commands/delete')).addDelete,
  },
  farm: {
    summary: 'render every scene that is dropped into a folder of this machine',
    load: async () => (await import('./commands/farm')).addFarm,
  },
  doctor: {
    summary: 'check this machine, the AWS account and the farm, and say how to fix problems',
    load: async () => (await import('./commands/doctor')).addDoctor,
  },
  prove: {
    summary: 'check a deployed farm by small jobs: machines, sandbox, frames, retries and alarms',
    load: async () => (await import('./commands/prove')).addProve,
  },
};

/** The last lines of `spotreel --help`. */
const BEGIN = `
To begin, check this machine and a scene, then render it:
  spotreel doctor
  spotreel inspect shot.blend
  spotreel render shot.blend
Each command explains its options, as in: spotreel render --help`;

/**
 * The command line with names and summaries of all commands. Loads the files of `names` only, so that the program
 * starts quickly.
 */
export async function buildProgram(run: Run, names = Object.keys(COMMANDS)): Promise<Command> {
  const program = new Command('spotreel')
    .description(
      'Spotreel renders the frames and the video of a Blender scene, on this machine or on a farm in AWS.',
    )
    .version(version)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .exitOverride()
    .showHelpAfterError('(add --help to see the usage)')
    .addHelpText('after', BEGIN);
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(summary);
    if (names.includes(name)) (await load())(command, run);
  }
  return program;
}

/** The command that a command line names, in a list; `help render` names `render`. Pure. */
export function namedCommand(argv: readonly string[]): string[] {
  return argv.filter((word) => !word.startsWith('-') && word !== 'help').slice(0, 1);
}

/**
 * Advice for too many arguments: usually a shell split a path at its spaces. Names the path if several arguments in a
 * row form one. `isFile` checks whether a path exists. Otherwise pure.
 */
export function quotingHint(argv: readonly string[], isFile: (path: string) => boolean): string {
  const path = joinedPath(argv, isFile);
  if (path === undefined) return 'a path with spaces needs quotes: "my film.blend"';
  return `"${path}" is one file: put its path in quotes`;
}

/** Advice for a scene without a command; `undefined` if the first word is no scene. Calls `isFile`, otherwise pure. */
export function sceneHint(
  [word = '']: readonly string[],
  isFile: (path: string) => boolean,
): string | undefined {
  if (!/\.blend$/i.test(word) || !isFile(word)) return undefined;
  return `${word} is a scene: name a command before it, such as: spotreel render ${quoted(word)}`;
}

const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `"${path}"`);

/** The longest run of arguments that form the path of a file, joined by spaces. */
function joinedPath(argv: readonly string[], isFile: (path: string) => boolean): string | undefined {
  for (let count = Math.min(argv.length, MOST_JOINED); count > 1; count -= 1) {
    for (let start = 0; start + count <= argv.length; start += 1) {
      const path = argv.slice(start, start + count).join(' ');
      if (isFile(path)) return path;
    }
  }
  return undefined;
}

/** Most words of a path. */
const MOST_JOINED = 20;

/** Exit codes that all commands share. */
const CLI_EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Runs a command line (without `node` and the program) and returns its exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exitCode: number = CLI_EXIT.done;
  try {
    const program = await buildProgram(async (command) => {
      exitCode = await command();
    }, namedCommand(argv));
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    const hint = hintFor(error, argv);
    if (hint !== undefined) print(printable(hint), process.stderr);
    const failedCode = await reportError(error);
    if (failedCode !== CLI_EXIT.done && argv.includes('--json'))
      process.stdout.write(`${errorJson(error)}\n`);
    return failedCode;
  }
}

/** Advice beyond the message of commander. */
function hintFor(error: unknown, argv: readonly string[]): string | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  if (error.code === 'commander.excessArguments') return quotingHint(argv, isFile);
  return error.code === 'commander.unknownCommand' ? sceneHint(argv, isFile) : undefined;
}

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();

/** The message in one line. Prints each fault of a scene in a line of its own before. */
async function describeError(error: unknown): Promise<string> {
  // Loaded only for an error, so that help starts quickly.
  const { PreflightError } = await import('../core/scene/findings/preflight');
  if (!(error instanceof PreflightError)) return messageOf(error);
  const { headline, findings } = error;
  reportFindings(findings.filter(({ message }) => message !== headline));
  return headline;
}

async function reportError(error: unknown): Promise<number> {
  // commander has printed its own message; --help is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? CLI_EXIT.done : CLI_EXIT.usage;
  print(`spotreel: ${printable(await describeError(error))}`, process.stderr);
  if (error instanceof SpotreelError) return error.kind === 'usage' ? CLI_EXIT.usage : CLI_EXIT.failed;
  if (error instanceof Error && error.stack) process.stderr.write(`${printable(error.stack)}\n`);
  return CLI_EXIT.failed;
}
