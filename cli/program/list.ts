import type { Command } from 'commander';
import type { ListFlags } from '../commands/list';
import { explain } from './explain';
import { withPlaceOptions } from './option-groups';
import type { Run } from './run';

export function addList(program: Command, run: Run): void {
  const command = withPlaceOptions(program.command('list'))
    .description('every render in a place, the newest first')
    .option('--json', 'one JSON object a line')
    .action((flags: ListFlags) => run(async () => (await import('../commands/list')).listCommand(flags)));
  explain(command, {
    exitCodes: [
      [0, 'told, though there may be none'],
      [1, 'failed'],
      [2, 'wrong usage'],
    ],
    examples: [
      'spotreel list',
      `spotreel list -o s3://bucket/renders --json | jq -r 'select(.state == "failed") | .renderId'`,
    ],
  });
}
