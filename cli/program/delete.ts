import type { Command } from 'commander';
import type { DeleteFlags } from '../commands/delete';
import { explain } from './explain';
import { withPlaceOptions } from './option-groups';
import type { Run } from './run';

export function addDelete(program: Command, run: Run): void {
  const command = program
    .command('delete')
    .description('delete everything of a render: frames, video and all')
    .argument('<renderId>', 'the render; "spotreel list" names them')
    .option('-y, --yes', 'without being asked')
    .action((renderId: string, flags: DeleteFlags) =>
      run(async () => (await import('../commands/delete')).deleteCommand(renderId, flags)),
    );
  explain(withPlaceOptions(command), {
    notes:
      'Refused while it runs: cancel it first. The scene stays. A bucket that keeps versions keeps them for 30 days.',
    exitCodes: [
      [0, 'deleted'],
      [1, 'failed, or not confirmed'],
      [2, 'wrong usage, or it runs'],
    ],
    examples: ['spotreel delete shot-1a2b3c4d', 'spotreel delete shot-1a2b3c4d --yes -o renders'],
  });
}
