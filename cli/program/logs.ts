import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { LogsFlags } from '../commands/logs';
import { explain } from './explain';
import { wholeNumber, withPlaceOptions } from './option-groups';
import type { Run } from './run';

const NOTES = `Without --frame, --slice or --stitch: what failed (the first slices of it), else what runs now, else the job that made
the video; with --follow what runs goes first. A slice is named by the number that its report slices/N.json has. Of several
attempts the last one is shown, of a frame all. A retry is another job: of several the last one is
shown. On standard error: which log it is, and how that attempt ended.`;

export function addLogs(program: Command, run: Run): void {
  const command = withPlaceOptions(program.command('logs'))
    .description('what the worker and Blender said: of a frame, a slice, the video, or what failed')
    .argument('[renderId]', 'the render; the newest where none is named')
    .addOption(
      new Option('--frame <n>', 'of this frame alone').argParser(integer).conflicts(['slice', 'stitch']),
    )
    .addOption(new Option('--slice <n>', 'of this slice').argParser(index).conflicts('stitch'))
    .option('--stitch', 'of the job that makes the video')
    .option('--attempt <k>', 'of this attempt, 1 the first', wholeNumber)
    .option(
      '--job <k>',
      'of this one of the jobs that had the frame, slice or video, 1 the first',
      wholeNumber,
    )
    .option('--follow', 'go on until the job has ended, with its further attempts')
    .addOption(new Option('--raw', 'lines as they were written').conflicts('json'))
    .option('--json', 'one JSON object a line')
    .action((renderId: string | undefined, flags: LogsFlags) =>
      run(async () => (await import('../commands/logs')).logsCommand(renderId, flags)),
    );
  explain(command, {
    notes: NOTES,
    exitCodes: [
      [0, 'shown'],
      [1, 'there is no such log (yet, or any more), or it could not be read'],
      [2, 'wrong usage'],
      [130, 'interrupted (the render goes on)'],
    ],
    examples: [
      'spotreel logs',
      'spotreel logs shot-1a2b3c4d --frame 12',
      'spotreel logs shot-1a2b3c4d --slice 3 --follow',
      'spotreel logs shot-1a2b3c4d --slice 3 --job 1   what it said before it was retried',
      "spotreel logs shot-1a2b3c4d --stitch --json | jq -r '.message'",
    ],
  });
}

function integer(text: string): number {
  if (!/^-?\d{1,7}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function index(text: string): number {
  const value = integer(text);
  if (value < 0) throw new InvalidArgumentError('It must be a whole number of 0 or more.');
  return value;
}
