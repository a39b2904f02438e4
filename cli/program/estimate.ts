import type { Command } from 'commander';
import type { EstimateFlags } from '../commands/estimate';
import { ESTIMATES, TEST_FRAMES } from '../estimate/estimates-folder';
import { explain } from './explain';
import { wholeNumber, withShotOptions, withUploadOptions } from './option-groups';
import type { Run } from './run';

export function addEstimate(program: Command, run: Run): void {
  const command = program
    .command('estimate')
    .description('what a scene will take here and cost on a farm in AWS, from a few of its frames')
    .argument('<file>', 'the .blend')
    .option('--test-frames <n>', 'frames to render at least, spread over the shot', wholeNumber, TEST_FRAMES)
    .option('-o, --output <dir>', "where the test frames' own folder is made", ESTIMATES)
    .option('-p, --parallel <n>', 'Blenders at a time (default: what suits this machine)', wholeNumber)
    .option('--on-farm', 'render the test frames on the farm, and wait for them')
    .option('--farm <name>', 'the farm whose size and machines are reckoned with (main, if there is one)')
    .option('--json', 'as one JSON object; seconds and US dollars')
    .action((file: string, flags: EstimateFlags) =>
      run(async () => (await import('../commands/estimate')).estimateCommand(file, flags)),
    );
  explain(withUploadOptions(withShotOptions(command)), {
    notes:
      'Needs no AWS account: without one it reckons with a farm as it is deployed without settings, and with a table of prices. ' +
      'The test frames stay, with small pictures of them; the same command again tells the same at once. ' +
      'Only --on-farm uploads files.',
    exitCodes: [
      [0, 'estimated'],
      [1, 'no test frame came out, or the scene is refused'],
      [2, 'wrong usage'],
      [3, 'estimated, and some of the test frames failed'],
      [130, 'interrupted; the same command goes on from there'],
    ],
    examples: [
      'spotreel estimate shot.blend',
      'spotreel estimate shot.blend --samples 64 --json | jq .farm.cost',
      'spotreel estimate shot.blend --on-farm   measured by the machines that it will be rendered by',
    ],
  });
}
