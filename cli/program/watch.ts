import type { Command } from 'commander';
import type { WatchFlags } from '../commands/watch';
import { explain } from './explain';
import { withPlaceOptions } from './option-groups';
import type { Run } from './run';

export function addWatch(program: Command, run: Run): void {
  const command = withPlaceOptions(program.command('watch'))
    .description('look at a render again and again until it has ended')
    .argument('[renderId]', 'the render; the newest where none is named')
    .option('--json', 'one JSON object a line, whenever something changed')
    .option('--no-picture', 'no frames on terminals that show pictures')
    .action((renderId: string | undefined, flags: WatchFlags) =>
      run(async () => (await import('../commands/watch')).watchCommand(renderId, flags)),
    );
  explain(command, {
    notes: `Ctrl-C stops the watching and nothing else. Terminals with the inline images of iTerm2 (WezTerm, too) or kitty's graphics
(Ghostty, too) show the newest frame, small, where there is an ffmpeg. Where nothing runs, AWS is asked why, as "status" does, every 5
minutes.`,
    exitCodes: [
      [0, 'complete'],
      [1, 'failed, refused, stopped or not to be found out'],
      [2, 'wrong usage'],
      [3, 'partial'],
      [130, 'interrupted (the farm goes on)'],
    ],
    examples: ['spotreel watch', 'spotreel watch shot-1a2b3c4d && echo the film is there'],
  });
}
