import type { Command } from 'commander';
import type { StatusFlags } from '../commands/status';
import { explain } from './explain';
import { withPlaceOptions } from './option-groups';
import type { Run } from './run';

export function addStatus(program: Command, run: Run): void {
  const command = withPlaceOptions(program.command('status'))
    .description('how a render is doing: frames, failures, interruptions, what it waits for')
    .argument('[renderId]', 'the render; the newest where none is named')
    .option('--json', 'as one JSON object')
    .action((renderId: string | undefined, flags: StatusFlags) =>
      run(async () => (await import('../commands/status')).statusCommand(renderId, flags)),
    );
  explain(command, {
    notes: `Of a farm whose jobs wait for a machine for more than 5 minutes without a word of AWS Batch, AWS is asked about queues, machines,
quotas and images, as "spotreel doctor" asks. What these credentials may not ask is guessed.`,
    exitCodes: [
      [0, 'complete, or going on'],
      [1, 'failed, refused, stopped or not to be found out'],
      [2, 'wrong usage'],
      [3, 'partial'],
    ],
    examples: ['spotreel status', 'spotreel status shot-1a2b3c4d --farm main --json | jq .frames'],
  });
}
