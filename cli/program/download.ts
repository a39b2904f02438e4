import type { Command } from 'commander';
import type { DownloadFlags } from '../commands/download';
import { explain } from './explain';
import { withPlaceOptions } from './option-groups';
import type { Run } from './run';

const NOTES = `Frames, masters, files of File Output nodes, video, gaps.json, report, receipt, poster, contact sheet and preview; one download at a time for each DIR.
A file appears whole or not at all. What is here is checked by size and checksum, and fetched again only if it differs;
a large file goes on where it broke off. Ctrl-C: the same command goes on. Nothing in DIR is ever deleted.`;

export function addDownload(program: Command, run: Run): void {
  const command = program
    .command('download')
    .description('fetch what a render has made: only what is not here yet')
    .argument('<renderId>', 'the render; "spotreel list" names them')
    .argument('[dir]', 'where to put it (default: a folder of the name of the render)')
    .option('--frames <ranges>', 'these frames alone, such as 1-10,20,30-50x2')
    .option('--video', 'the video alone; with --frames, both')
    .option('--watch', 'go on while the render does, until it ends')
    .option('--json', 'what came of it as one JSON object on standard output')
    .action((renderId: string, directory: string | undefined, flags: DownloadFlags) =>
      run(async () => (await import('../commands/download')).downloadCommand(renderId, directory, flags)),
    );
  explain(withPlaceOptions(command), {
    notes: NOTES,
    exitCodes: [
      [0, 'all that was asked for is here'],
      [1, 'failed'],
      [2, 'wrong usage'],
      [3, 'frames or the video are not there (yet), or the video has gaps'],
      [130, 'interrupted'],
    ],
    examples: [
      'spotreel download shot-1a2b3c4d',
      'spotreel download shot-1a2b3c4d ~/films/shot --frames 1-10',
      'spotreel download shot-1a2b3c4d --video --watch',
    ],
  });
}
