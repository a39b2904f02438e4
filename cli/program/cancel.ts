import type { Command } from 'commander';
import type { PlaceFlags } from '../place';
import { explain } from './explain';
import { withPlaceOptions } from './option-groups';
import type { Run } from './run';

const NOTES = `On a farm all of its jobs are terminated, with every child, and waited for (10 minutes at most); on this machine the
process that renders is asked to stop. To go on, submit or render the same scene again.`;

export function addCancel(program: Command, run: Run): void {
  const command = program
    .command('cancel')
    .description('stop a render and keep what it has made')
    .argument('<renderId>', 'the render; "spotreel list" names them')
    .action((renderId: string, flags: PlaceFlags) =>
      run(async () => (await import('../commands/cancel')).cancelCommand(renderId, flags)),
    );
  explain(withPlaceOptions(command), {
    notes: NOTES,
    exitCodes: [
      [0, 'nothing of it runs any more'],
      [1, 'it could not be stopped (yet)'],
      [2, 'wrong usage'],
    ],
    examples: ['spotreel cancel shot-1a2b3c4d', 'spotreel cancel shot-1a2b3c4d -o s3://bucket/renders'],
  });
}
