import type { Command } from 'commander';
import type { SubmitFlags } from '../commands/submit';
import { TEST_FRAMES } from '../estimate/estimates-folder';
import { explain } from './explain';
import { usDollars, withRenderOptions, withUploadOptions, zeroOrMore } from './option-groups';
import type { Run } from './run';

export function addSubmit(program: Command, run: Run): void {
  const command = program
    .command('submit')
    .description('upload a scene to the farm in your AWS account if need be, and submit its two jobs')
    .argument('[file]', 'the .blend, a file or s3://bucket/key')
    .option('-i, --input <location>', 'the same as [file]')
    .option('-o, --output <location>', "s3://bucket or s3://bucket/prefix, in place of the farm's")
    .option('-q, --queue <name>', "the job queue, in place of the farm's")
    .option('-d, --definition <name>', "the job definition of both jobs, in place of the farm's")
    .option(
      '--tag <name=value>',
      'by whom or for what, as the bill can tell it; may be given again',
      (tag: string, before: readonly string[] | undefined) => [...(before ?? []), tag],
    )
    .option('--farm <name>', 'the farm, if there are several', process.env.SPOTREEL_FARM_NAME ?? 'main')
    .option(
      '--max-cost <usd>',
      'US dollars: refused if it costs more, and stopped when it comes to that',
      usDollars,
    )
    .option(
      '--test-frames <n>',
      'with --max-cost, frames to estimate it by here before, where there is a Blender; 0 for none',
      zeroOrMore,
      TEST_FRAMES,
    )
    .action((file: string | undefined, flags: SubmitFlags) =>
      run(async () => (await import('../commands/submit')).submitCommand(file, flags)),
    );
  explain(withUploadOptions(withRenderOptions(command)), {
    notes:
      'Prints one line of JSON, of several cameras one for each: the two SubmitJob answers, the render job first. ' +
      'Hidden files and files that are no assets are never uploaded; with --force the scene goes without them.',
    exitCodes: [
      [0, 'submitted (or there already)'],
      [1, 'refused, also for what it would cost, or not confirmed'],
      [2, "wrong usage, or files outside the scene's folder and no terminal to ask on"],
      [130, 'interrupted while test frames were rendered; nothing was submitted'],
    ],
    examples: [
      'spotreel submit shot.blend',
      'spotreel submit shot.blend --tag artist=ann --tag shot=12',
      'spotreel submit film/shots/shot.blend --project film   with textures in film/textures',
      'spotreel submit shot.blend --max-cost 5   submitting again with more raises it',
      'spotreel submit s3://bucket/shot.blend -o s3://bucket -f 5 -n take-2 -q queue -d definition',
      "spotreel submit shot.blend | jq -r '.[0].jobId'",
    ],
  });
}
