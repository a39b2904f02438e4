import type { Command } from 'commander';
import type { FarmFlags } from '../commands/farm';
import { explain } from './explain';
import { wholeNumber } from './option-groups';
import type { Run } from './run';

const NOTES = `What is dropped into DIR/uploads renders as it would in the bucket: <name>.blend and <project>/<name>.blend each start a
render, deeper ones are assets, and DIR/renders gets what comes of it. A file is taken once nothing of it (of a project:
nothing in its folder) has changed for 5 seconds. Options stand beside the scene in <name>.blend.json, by the names that an
upload's metadata has: {"frames": "1-10", "samples": 16}. One render at a time has the machine, in the order of arrival.

Ctrl-C or a crash loses nothing that is stored; started again, it goes on. A scene that was written again is a new render; one
that ended, or was cancelled, is tried again when it is dropped or touched again. status, watch, cancel and the others take
-o DIR/renders.`;

export function addFarm(program: Command, run: Run): void {
  const command = program
    .command('farm')
    .description('render what is dropped into a folder of this machine, one scene after another')
    .argument('<dir>', 'the folder; uploads and renders are made in it')
    .option('-p, --parallel <n>', 'Blenders at a time (default: what suits this machine)', wholeNumber)
    .option('--allow-scripts', 'take scenes whose options have allow-scripts; others still run no scripts')
    .option('--once', 'end when everything that is there is rendered')
    .option('--json', 'one JSON object a line on standard output: queued, started, ended, …')
    .action((directory: string, flags: FarmFlags) =>
      run(async () => (await import('../commands/farm')).farmCommand(directory, flags)),
    );
  explain(command, {
    notes: NOTES,
    exitCodes: [
      [0, '--once: everything that it took is complete'],
      [1, 'failed; --once: at least one was refused or failed'],
      [2, 'wrong usage, or somebody watches the folder already'],
      [3, '--once: at least one lacks frames'],
      [130, 'interrupted'],
    ],
    examples: [
      'spotreel farm ~/farm',
      'spotreel farm ~/farm --once && echo all is rendered',
      'spotreel farm ~/farm --json | jq -r .event',
    ],
  });
}
