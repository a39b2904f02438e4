import type { Command } from 'commander';
import { SpotreelError } from '../../core/errors';
import { parseTags } from '../../core/render/options';
import { REQUEST_PARTS } from '../../core/render/upload-options';
import { TEST_FRAMES } from '../estimate/test-shot';
import { explain, type Run, usDollars, withRenderOptions, withUploadOptions, zeroOrMore } from '../help';
import { createMeter, listenForStop, onStopSignal, reportFindings, say } from '../output';
import { type OptionFlags, renderOptionsOf } from '../place';
import { submitRender, type SubmitView } from '../upload/submit-render';
import { confirmUploads, type UploadFlags } from '../upload/upload';

interface SubmitFlags extends OptionFlags, UploadFlags {
  readonly input?: string;
  readonly output?: string;
  readonly name?: string;
  readonly queue?: string;
  readonly definition?: string;
  /** `name=value` each. */
  readonly tag?: readonly string[];
  readonly farm: string;
  /** US dollars. */
  readonly maxCost?: number;
  readonly testFrames: number;
}

/**
 * `spotreel submit FILE|s3://…`: submits a scene as an upload would. Prints one line of JSON on standard output, the
 * SubmitJob answers of render and video job, and all else on standard error. Returns the exit code.
 */
export async function submitCommand(file: string | undefined, flags: SubmitFlags): Promise<number> {
  let stoppedBy = 0;
  // What is uploaded and submitted by then counts for the next call.
  const listen = () =>
    onStopSignal((exitCode) => {
      say('stopped: run the same command again to resume');
      process.exit(exitCode);
    });
  let release = listen();
  const view: SubmitView = {
    say,
    meter: createMeter(process.stderr, Date.now),
    found: reportFindings,
    confirm: (outside) => confirmUploads(outside, flags.yes === true, say),
    test: async (run) => {
      release();
      const stopping = listenForStop();
      try {
        return await run(stopping.signal);
      } finally {
        stopping.release();
        release = listen();
        stoppedBy = stopping.exitCode();
      }
    },
    submitted: ({ jobs }) => process.stdout.write(`${JSON.stringify([jobs.render, jobs.stitch])}\n`),
  };
  const { farm, name, project, output, testFrames } = flags;
  const request = {
    ...{ farm, name, project, output, testFrames },
    options: { ...renderOptionsOf(flags), ocio: flags.ocio },
    tags: parseTags(flags.tag ?? []),
    maxUsd: flags.maxCost,
    jobQueue: flags.queue,
    jobDefinition: flags.definition,
    scene: inputOf(file, flags),
  };
  const renders = await submitRender(request, view).finally(() => release());
  if (renders.length > 0) return 0;
  return stoppedBy === 0 ? 1 : stoppedBy;
}

function inputOf(file: string | undefined, { input }: SubmitFlags): string {
  if ((file === undefined) === (input === undefined)) {
    throw new SpotreelError(
      'bad-usage',
      'usage',
      'name one scene, as FILE or with -i: a file or s3://bucket/key',
    );
  }
  return (file ?? input)!;
}

export function addSubmit(command: Command, run: Run): void {
  command
    .argument('[file]', '.blend file or s3://bucket/key')
    .option('-i, --input <location>', 'same as [file]')
    .option('-o, --output <location>', "s3://bucket or s3://bucket/prefix for renders (default: the farm's)")
    .option('-q, --queue <name>', "job queue (default: the farm's)")
    .option('-d, --definition <name>', "job definition of both jobs (default: the farm's)")
    .option(
      REQUEST_PARTS.tags.flag,
      REQUEST_PARTS.tags.help,
      (tag: string, before: readonly string[] | undefined) => [...(before ?? []), tag],
    )
    .option('--farm <name>', 'deployed farm', process.env.SPOTREEL_FARM_NAME ?? 'main')
    .option(REQUEST_PARTS['max-cost'].flag, REQUEST_PARTS['max-cost'].help, usDollars)
    .option(
      '--test-frames <n>',
      'with --max-cost: test frames to render here first, if there is a Blender; 0 for none',
      zeroOrMore,
      TEST_FRAMES,
    )
    .action((file: string | undefined, flags: SubmitFlags) => run(async () => submitCommand(file, flags)));
  explain(withUploadOptions(withRenderOptions(command)), {
    notes:
      'Prints one line of JSON per render: the answers of AWS Batch for the render job and the video job. ' +
      'Standard error shows the id of the render, and the command to watch it. ' +
      'Hidden files and unknown types of files are never uploaded; --force submits the scene without them.',
    exitCodes: [
      [0, 'submitted, now or earlier'],
      [1, 'refused, too expensive, or not confirmed'],
      [2, "wrong usage, or files outside the scene's folder and no terminal to confirm them"],
      [130, 'interrupted during test frames; nothing was submitted'],
    ],
    examples: [
      'spotreel submit shot.blend',
      'spotreel submit shot.blend --tag artist=ann --tag shot=12',
      'spotreel submit film/shots/shot.blend --project film   with textures in film/textures',
      'spotreel submit shot.blend --max-cost 5   submit again with a higher cap to raise it',
      'spotreel submit s3://bucket/shot.blend -o s3://bucket -q queue -d definition',
      "spotreel submit shot.blend | jq -r '.[0].jobId'",
    ],
  });
}
