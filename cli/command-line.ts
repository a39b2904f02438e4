import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { VIDEO_FORMATS } from '../core/contract/video-format';
import { messageOf, SpotreelError } from '../core/errors';
import { PreflightError } from '../core/preflight/preflight-error';
import type { DeleteFlags } from './commands/delete';
import type { DownloadFlags } from './commands/download';
import type { InspectFlags } from './commands/inspect';
import type { ListFlags } from './commands/list';
import type { RenderFlags } from './commands/render';
import type { StatusFlags } from './commands/status';
import type { SubmitFlags } from './commands/submit';
import type { WatchFlags } from './commands/watch';
import type { PlaceFlags } from './place';
import { printable } from '../core/printable';
import { SLICE_ORDERS } from '../core/render/slices';
import { reportFindings } from './report-findings';

/** Exit codes of the command line. */
export const CLI_EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/**
 * Runs one command line (without `node` and the program) and gives its exit code. Commands are loaded only when they
 * are run, so that help comes at once.
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exitCode: number = CLI_EXIT.done;
  const program = new Command('spotreel')
    .description(
      'Renders a Blender scene, every frame and a video of them, on this machine or on a farm in AWS.',
    )
    .exitOverride()
    .showHelpAfterError('(spotreel --help tells more)');
  describeRender(program).action(async (file: string, flags: RenderFlags) => {
    exitCode = await (await import('./commands/render')).renderCommand(file, flags);
  });
  describeSubmit(program).action(async (file: string | undefined, flags: SubmitFlags) => {
    exitCode = await (await import('./commands/submit')).submitCommand(file, flags);
  });
  describeInspect(program).action(async (file: string, flags: InspectFlags) => {
    exitCode = await (await import('./commands/inspect')).inspectCommand(file, flags);
  });
  describeList(program).action(async (flags: ListFlags) => {
    exitCode = await (await import('./commands/list')).listCommand(flags);
  });
  describeStatus(program).action(async (renderId: string | undefined, flags: StatusFlags) => {
    exitCode = await (await import('./commands/status')).statusCommand(renderId, flags);
  });
  describeWatch(program).action(async (renderId: string | undefined, flags: WatchFlags) => {
    exitCode = await (await import('./commands/watch')).watchCommand(renderId, flags);
  });
  describeDownload(program).action(
    async (renderId: string, directory: string | undefined, flags: DownloadFlags) => {
      exitCode = await (await import('./commands/download')).downloadCommand(renderId, directory, flags);
    },
  );
  describeCancel(program).action(async (renderId: string, flags: PlaceFlags) => {
    exitCode = await (await import('./commands/cancel')).cancelCommand(renderId, flags);
  });
  describeDelete(program).action(async (renderId: string, flags: DeleteFlags) => {
    exitCode = await (await import('./commands/delete')).deleteCommand(renderId, flags);
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportError(error);
  }
}

function describeRender(program: Command): Command {
  const command = program
    .command('render')
    .description('render a scene on this machine: frames, then a video of them')
    .argument('<file>', 'the .blend')
    .option('-o, --output <dir>', "where the render's own folder is made", 'renders')
    .option('-p, --parallel <n>', 'Blenders at a time (default: what suits this machine)', wholeNumber)
    .option('--json', 'the result as one JSON object on standard output');
  return withRenderOptions(command).addHelpText(
    'after',
    `
Ctrl-C stops everything; the same command again goes on from there.
Exit codes: 0 every frame and the video are there, 1 not so, 2 wrong usage, 3 frames are missing and
others stand in their places in output.partial.mp4, 130 interrupted.

Examples:
  spotreel render shot.blend
  spotreel render shot.blend --frames 1-250x10 --resolution-percent 25   a quick look`,
  );
}

function describeSubmit(program: Command): Command {
  const command = program
    .command('submit')
    .description('upload a scene to the farm in your AWS account if need be, and submit its two jobs')
    .argument('[file]', 'the .blend, a file or s3://bucket/key')
    .option('-i, --input <location>', 'the same as [file]')
    .option('-o, --output <location>', "s3://bucket or s3://bucket/prefix, in place of the farm's")
    .option('-q, --queue <name>', "the job queue, in place of the farm's")
    .option('-d, --definition <name>', "the job definition of both jobs, in place of the farm's")
    .option('--farm <name>', 'the farm, if there are several', process.env.SPOTREEL_FARM_NAME ?? 'main');
  return withRenderOptions(command).addHelpText(
    'after',
    `
Prints one line of JSON: the two SubmitJob answers, the render job first.
Exit codes: 0 submitted (or there already), 1 refused, 2 wrong usage.

Examples:
  spotreel submit shot.blend
  spotreel submit s3://bucket/shot.blend -o s3://bucket -f 5 -n take-2 -q queue -d definition
  spotreel submit shot.blend | jq -r '.[0].jobId'`,
  );
}

/** What `render` and `submit` both take: the same scene, asked for in the same words. */
function withRenderOptions(command: Command): Command {
  return command
    .option('--frames <ranges>', "frames such as 1-10,20,30-50x2, in place of the scene's range")
    .option('--scene <name>', "the scene, in place of the file's active one")
    .option('-f, --frames-per-slice <n>', 'frames of one child job', wholeNumber)
    .option('--resolution-percent <p>', 'per cent of the full resolution', wholeNumber)
    .option('--samples <n>', 'samples a pixel', wholeNumber)
    .option('--engine <id>', "such as CYCLES or BLENDER_EEVEE, in place of the scene's")
    .addOption(
      new Option('--device <device>', 'what Cycles renders by; gpu is never the CPU in silence').choices([
        'cpu',
        'gpu',
      ]),
    )
    .addOption(
      new Option('--video <format>', 'what is made of the frames; h264 by default').choices(VIDEO_FORMATS),
    )
    .option('--background <rrggbb>', 'behind see-through frames, in videos that are not (black)')
    .addOption(
      new Option(
        '--gaps <how>',
        'what stands in for a missing frame: the one before it, or that marked',
      ).choices(['hold', 'mark']),
    )
    .addOption(
      new Option(
        '--order <order>',
        'spread: slices all over the shot first, with a preview of them; usual from 32 slices on',
      ).choices(SLICE_ORDERS),
    )
    .option('--force', 'render in spite of missing files or a scene of a newer Blender')
    .option('-n, --name <name>', 'name the render, in place of a name made from file and options');
}

function describeInspect(program: Command): Command {
  return program
    .command('inspect')
    .description('say what a scene holds, without starting Blender')
    .argument('<file>', 'the .blend')
    .option('--json', 'as one JSON object')
    .addHelpText('after', '\nExample:\n  spotreel inspect shot.blend --json');
}

function describeList(program: Command): Command {
  return withPlaceOptions(program.command('list'))
    .description('every render in a place, the newest first')
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  spotreel list
  spotreel list -o s3://bucket/renders --json | jq -r 'select(.state == "failed") | .renderId'`,
    );
}

function describeStatus(program: Command): Command {
  return withPlaceOptions(program.command('status'))
    .description('how a render is doing: frames, failures, interruptions, what it waits for')
    .argument('[renderId]', 'the render; the newest where none is named')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      `
Exit codes: 0 complete, or going on, 1 failed, refused, stopped or not to be found out, 2 wrong usage,
3 partial.

Examples:
  spotreel status
  spotreel status shot-1a2b3c4d --farm main --json | jq .frames`,
    );
}

function describeWatch(program: Command): Command {
  return withPlaceOptions(program.command('watch'))
    .description('look at a render again and again until it has ended')
    .argument('[renderId]', 'the render; the newest where none is named')
    .option('--json', 'one JSON object a line, whenever something changed')
    .addHelpText(
      'after',
      `
Ctrl-C stops the watching and nothing else.
Exit codes: 0 complete, 1 failed, refused, stopped or not to be found out, 2 wrong usage, 3 partial,
130 interrupted (the farm goes on).

Examples:
  spotreel watch
  spotreel watch shot-1a2b3c4d && echo the film is there`,
    );
}

function describeDownload(program: Command): Command {
  const command = program
    .command('download')
    .description('fetch what a render has made: only what is not here yet')
    .argument('<renderId>', 'the render; "spotreel list" names them')
    .argument('[dir]', 'where to put it (default: a folder of the name of the render)')
    .option('--frames <ranges>', 'these frames alone, such as 1-10,20,30-50x2')
    .option('--video', 'the video alone; with --frames, both')
    .option('--watch', 'go on while the render does, until it ends')
    .option('--json', 'what came of it as one JSON object on standard output');
  return withPlaceOptions(command).addHelpText(
    'after',
    `
Frames, masters, video, gaps.json, report, poster, contact sheet and preview; one download at a time for each DIR.
A file appears whole or not at all. What is here is checked by size and checksum, and fetched again only if it differs;
a large file goes on where it broke off. Ctrl-C: the same command goes on. Nothing in DIR is ever deleted.
Exit codes: 0 all that was asked for is here, 1 failed, 2 wrong usage, 3 frames or the video are not there (yet), or the
video has gaps, 130 interrupted.

Examples:
  spotreel download shot-1a2b3c4d
  spotreel download shot-1a2b3c4d ~/films/shot --frames 1-10
  spotreel download shot-1a2b3c4d --video --watch`,
  );
}

function describeCancel(program: Command): Command {
  const command = program
    .command('cancel')
    .description('stop a render and keep what it has made')
    .argument('<renderId>', 'the render; "spotreel list" names them');
  return withPlaceOptions(command).addHelpText(
    'after',
    `
On a farm all of its jobs are terminated, with every child, and waited for (10 minutes at most); on this machine the
process that renders is asked to stop. To go on, submit or render the same scene again.
Exit codes: 0 nothing of it runs any more, 1 it could not be stopped (yet), 2 wrong usage.

Examples:
  spotreel cancel shot-1a2b3c4d
  spotreel cancel shot-1a2b3c4d -o s3://bucket/renders`,
  );
}

function describeDelete(program: Command): Command {
  const command = program
    .command('delete')
    .description('delete everything of a render: frames, video and all')
    .argument('<renderId>', 'the render; "spotreel list" names them')
    .option('-y, --yes', 'without being asked');
  return withPlaceOptions(command).addHelpText(
    'after',
    `
Refused while it runs: cancel it first. The scene stays. A bucket that keeps versions keeps them for 30 days.
Exit codes: 0 deleted, 1 failed, or not confirmed, 2 wrong usage, or it runs.

Examples:
  spotreel delete shot-1a2b3c4d
  spotreel delete shot-1a2b3c4d --yes -o renders`,
  );
}

/** Where to look for renders: the same for every command that looks after them. */
function withPlaceOptions(command: Command): Command {
  return command
    .option('-o, --output <location>', 'a folder or s3://bucket/prefix; ./renders where there is one')
    .option('--farm <name>', "a deployed farm's bucket; the farm main where there is no ./renders");
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('It must be a whole number of 1 or more.');
  }
  return value;
}

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
