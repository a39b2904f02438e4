import type { Command } from 'commander';
import type { RenderFlags } from '../commands/render';
import { explain } from './explain';
import { wholeNumber, withRenderOptions } from './option-groups';
import type { Run } from './run';

export function addRender(program: Command, run: Run): void {
  const command = program
    .command('render')
    .description('render a scene on this machine: frames, then a video of them')
    .argument('<file>', 'the .blend')
    .option('-o, --output <dir>', "where the render's own folder is made", 'renders')
    .option('-p, --parallel <n>', 'Blenders at a time (default: what suits this machine)', wholeNumber)
    .option('--json', 'the result as one JSON object on standard output (of several cameras, one a line)')
    .action((file: string, flags: RenderFlags) =>
      run(async () => (await import('../commands/render')).renderCommand(file, flags)),
    );
  explain(withRenderOptions(command), {
    notes:
      'Ctrl-C stops everything; the same command again goes on from there. Several cameras are rendered one after the other, and the exit code is the worst.',
    exitCodes: [
      [0, 'every frame and the video are there'],
      [1, 'not so'],
      [2, 'wrong usage'],
      [3, 'some frames or sound are missing; output.partial.mp4 repeats neighbouring frames'],
      [130, 'interrupted'],
    ],
    examples: [
      'spotreel render shot.blend',
      'spotreel render shot.blend --frames 1-250x10 --resolution-percent 25   a quick look',
      'spotreel render shot.blend --camera all   one render for each camera',
    ],
  });
}
