import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { messageOf, SpotreelError } from '../core/errors';
import type { InspectFlags } from './commands/inspect';
import type { RenderFlags } from './commands/render';
import { printable } from './printable';

/** Exit codes of the command line. */
export const CLI_EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/**
 * Runs one command line (without `node` and the program) and gives its exit code. Commands are loaded only when they
 * are run, so that help comes at once.
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exitCode: number = CLI_EXIT.done;
  const program = new Command('spotreel')
    .description('Renders a Blender scene, every frame and a video of them, on this machine.')
    .exitOverride()
    .showHelpAfterError('(spotreel --help tells more)');
  describeRender(program).action(async (file: string, flags: RenderFlags) => {
    exitCode = await (await import('./commands/render')).renderCommand(file, flags);
  });
  describeInspect(program).action(async (file: string, flags: InspectFlags) => {
    exitCode = await (await import('./commands/inspect')).inspectCommand(file, flags);
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportError(error);
  }
}

function describeRender(program: Command): Command {
  return program
    .command('render')
    .description('render a scene on this machine: frames, then a video of them')
    .argument('<file>', 'the .blend')
    .option('-o, --output <dir>', "where the render's own folder is made", 'renders')
    .option('--frames <ranges>', "frames such as 1-10,20,30-50x2, in place of the scene's range")
    .option('--scene <name>', "the scene, in place of the file's active one")
    .option('-f, --frames-per-slice <n>', 'frames that one Blender renders', wholeNumber)
    .option('-p, --parallel <n>', 'Blenders at a time (default: what suits this machine)', wholeNumber)
    .option('--resolution-percent <p>', 'per cent of the full resolution', wholeNumber)
    .option('--samples <n>', 'samples a pixel', wholeNumber)
    .option('--engine <id>', "such as CYCLES or BLENDER_EEVEE, in place of the scene's")
    .option('-n, --name <name>', 'name the render, in place of a name made from file and options')
    .option('--json', 'the result as one JSON object on standard output')
    .addHelpText(
      'after',
      `
Ctrl-C stops everything; the same command again goes on from there.
Exit codes: 0 every frame and the video are there, 1 not so, 2 wrong usage, 130 interrupted.

Examples:
  spotreel render shot.blend
  spotreel render shot.blend --frames 1-250x10 --resolution-percent 25   a quick look`,
    );
}

function describeInspect(program: Command): Command {
  return program
    .command('inspect')
    .description('say what a scene holds, without starting Blender')
    .argument('<file>', 'the .blend')
    .option('--json', 'as one JSON object')
    .addHelpText('after', '\nExample:\n  spotreel inspect shot.blend --json');
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number of 1 or more.');
  }
  return value;
}

function reportError(error: unknown): number {
  // commander has printed its own; help asked for is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? CLI_EXIT.done : CLI_EXIT.usage;
  process.stderr.write(`spotreel: ${printable(messageOf(error))}\n`);
  if (error instanceof SpotreelError) return error.kind === 'usage' ? CLI_EXIT.usage : CLI_EXIT.failed;
  if (error instanceof Error && error.stack) process.stderr.write(`${printable(error.stack)}\n`);
  return CLI_EXIT.failed;
}
