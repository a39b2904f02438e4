import type { Command } from 'commander';
import type { InspectFlags } from '../commands/inspect';
import { explain } from './explain';
import type { Run } from './run';

export function addInspect(program: Command, run: Run): void {
  const command = program
    .command('inspect')
    .description('report what a scene holds and needs, without opening it in Blender')
    .argument('<file>', 'the .blend')
    .option('--allow-scripts', 'report what the same flag of render would let run')
    .option('--json', 'as one JSON object')
    .action((file: string, flags: InspectFlags) =>
      run(async () => (await import('../commands/inspect')).inspectCommand(file, flags)),
    );
  explain(command, {
    exitCodes: [
      [0, 'it could be read; what is wrong with it is among what is told'],
      [1, 'it could not be read'],
      [2, 'wrong usage'],
    ],
    examples: ['spotreel inspect shot.blend', 'spotreel inspect s3://bucket/uploads/shot.blend --json'],
  });
}
