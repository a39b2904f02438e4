import type { Command } from 'commander';
import type { RetryFlags } from '../commands/retry';
import { explain } from './explain';
import { wholeNumber, withPlaceOptions } from './option-groups';
import type { Run } from './run';

const NOTES = `Frames that are there and whole are never rendered again. Where every frame is there and only the video is not, that is made.
On a farm it prints one line of JSON: the SubmitJob answers. --memory and --vcpus must fit a machine of the queue. Where frames
are still missing at the end, the video has gaps. --samples and --on-demand ask first.`;

export function addRetry(program: Command, run: Run): void {
  const command = program
    .command('retry')
    .description('render what is missing of a render that has ended, then make the video again')
    .argument('<renderId>', 'the render; "spotreel list" names them')
    .option('--frames <ranges>', 'only these of the missing frames, such as 1-10,20,30-50x2')
    .option('--failed', 'only frames that were given up')
    .option(
      '--samples <n>',
      'samples a pixel, for frames that ran out of memory or time; they will look different',
      wholeNumber,
    )
    .option('--memory <mib>', 'MiB of memory of a slice (farm)', wholeNumber)
    .option('--vcpus <n>', 'vCPUs of a slice (farm)', wholeNumber)
    .option('--queue <name>', "the job queue, in place of the farm's (farm)")
    .option('--on-demand', "on the farm's On-Demand machines, at full price (farm)")
    .option('-p, --parallel <n>', 'Blenders at a time (this machine)', wholeNumber)
    .option('-y, --yes', 'do not ask')
    .action((renderId: string, flags: RetryFlags) =>
      run(async () => (await import('../commands/retry')).retryCommand(renderId, flags)),
    );
  explain(withPlaceOptions(command), {
    notes: NOTES,
    exitCodes: [
      [0, 'submitted; on this machine every frame and the video are there; or there was nothing to do'],
      [1, 'failed, or not agreed to'],
      [2, 'wrong usage, or the render has not ended'],
      [3, 'this machine: some frames or sound are missing; output.partial.mp4 repeats neighbouring frames'],
      [130, 'this machine: interrupted'],
    ],
    examples: [
      'spotreel retry shot-1a2b3c4d',
      'spotreel retry shot-1a2b3c4d --failed --memory 30000 --vcpus 8   frames that ran out of memory',
      'spotreel retry shot-1a2b3c4d --frames 1-10,20 --on-demand --yes',
    ],
  });
}
