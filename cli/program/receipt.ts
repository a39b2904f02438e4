import type { Command } from 'commander';
import type { ReceiptFlags } from '../commands/receipt';
import { explain } from './explain';
import { withPlaceOptions } from './option-groups';
import type { Run } from './run';

const NOTES = `Machine time as the slices noted it, what was lost to interruptions, seconds per frame, tags, and on a farm what it costs
at today's Spot prices, which EC2 is asked for (ec2:DescribeSpotPriceHistory); by a table that is built in where it may not be.
It is reckoned, and is not the bill. receipt.json in the render's folder is the same as it was when the video was made, by the table.`;

export function addReceipt(program: Command, run: Run): void {
  const command = withPlaceOptions(program.command('receipt'))
    .description('what a render took: machine time, interruptions, seconds per frame, cost, by whom')
    .argument('<renderId>', 'the render; "spotreel list" names them')
    .option('--json', 'as one JSON object, with all slices')
    .action((renderId: string, flags: ReceiptFlags) =>
      run(async () => (await import('../commands/receipt')).receiptCommand(renderId, flags)),
    );
  explain(command, {
    notes: NOTES,
    exitCodes: [
      [0, 'told'],
      [1, 'failed'],
      [2, 'wrong usage'],
    ],
    examples: [
      'spotreel receipt shot-1a2b3c4d',
      'spotreel receipt shot-1a2b3c4d --farm main --json | jq .cost.usd',
    ],
  });
}
