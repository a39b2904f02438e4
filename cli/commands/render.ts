import type { Command } from 'commander';
import { type CameraRender, cameraRenders } from '../../core/jobs/submit';
import { sourceWithoutFolder } from '../../core/render/keys';
import type { RenderOptions } from '../../core/render/options';
import { examineScene, type SceneExamination } from '../../core/scene/project/examine';
import { openStorage } from '../../core/storage/open-storage';
import type { ObjectHead, Storage } from '../../core/storage/storage';
import { printable, printableName } from '../../core/text';
import { explain, type Run, withMachineOptions, withRenderOptions } from '../help';
import { divideMachine, hasDisplay } from '../local/farm';
import { describeOutcome, LocalRender, outcomeJson } from '../local/render';
import { createProgressView } from '../local/run';
import { onStopSignal, print, reportFindings } from '../output';
import { findSource, localFolder, ocioOption, type OptionFlags, renderOptionsOf } from '../place';

interface RenderFlags extends OptionFlags {
  readonly output: string;
  readonly parallel?: number;
  readonly name?: string;
  readonly json?: boolean;
}

const EXIT_CODES = { complete: 0, partial: 3, failed: 1 } as const;

/** Exit codes, worst first. */
const BAD_ENDS = [EXIT_CODES.failed, EXIT_CODES.partial];

/** `spotreel render FILE`: renders a scene on this machine, once per camera. Returns the worst exit code. */
export async function renderCommand(file: string, flags: RenderFlags): Promise<number> {
  // `threads` is not part of the plan: a render may resume with another number.
  const { threads: _, ...asked } = renderOptionsOf(flags);
  const storage = openStorage();
  const source = await findSource(file, storage);
  const options = { ...asked, ...ocioOption(flags.ocio, source.url, process.env) };
  const wish = { source, options, output: localFolder(flags.output), flags, storage };
  let stopCode: number | undefined;
  let current: LocalRender | undefined;
  const stopListening = onStopSignal((code) => {
    stopCode = code;
    current?.interrupt();
  });
  const ends = new Set<number>();
  try {
    const { renders, examination } = await plannedRenders(wish);
    for (const render of renders) {
      if (stopCode !== undefined) break;
      if (render.group !== undefined) sayCamera(render.options.camera);
      current = localRender(wish, render, examination);
      ends.add(await runToEnd(current, flags, () => stopCode ?? 0));
    }
    return stopCode ?? BAD_ENDS.find((code) => ends.has(code)) ?? 0;
  } finally {
    stopListening();
  }
}

interface Wish {
  readonly source: ObjectHead;
  readonly options: RenderOptions;
  readonly output: URL;
  readonly flags: RenderFlags;
  readonly storage: Storage;
}

/** Reads the scene first only for `--camera`. */
async function plannedRenders({ source, options, flags, storage }: Wish): Promise<{
  readonly renders: readonly CameraRender[];
  readonly examination?: SceneExamination;
}> {
  const { name } = flags;
  if (options.camera === undefined) return { renders: [{ options, name }] };
  const examination = await examineScene(source.url, source.etag, storage, undefined, undefined, options);
  const identity = { source: sourceWithoutFolder(source.url), etag: source.etag, options };
  return { renders: cameraRenders(identity, examination, name), examination };
}

function localRender(
  { source, output, flags, storage }: Wish,
  render: CameraRender,
  examination: SceneExamination | undefined,
): LocalRender {
  return new LocalRender({
    source,
    output,
    ...render,
    ...(examination && { examination }),
    filesCount: true,
    machine: divideMachine(flags.parallel, flags.threads),
    allowsScripts: render.options.allowScripts === true,
    storage,
    hasDisplay: hasDisplay(process.env, process.platform),
    report: reportFindings,
    view: createProgressView(process.stderr, Date.now),
  });
}

/** Renders and prints the outcome. `stopped` returns the exit code after an interruption. */
async function runToEnd(render: LocalRender, { json }: RenderFlags, stopped: () => number): Promise<number> {
  const startedAt = performance.now();
  const outcome = await render.run();
  const seconds = (performance.now() - startedAt) / 1000;
  print(describeOutcome(outcome, seconds), process.stderr);
  if (json) process.stdout.write(`${JSON.stringify(outcomeJson(outcome, seconds))}\n`);
  return outcome.state === 'interrupted' ? stopped() : EXIT_CODES[outcome.state];
}

function sayCamera(camera: string | undefined): void {
  print(printable(`camera ${printableName(camera ?? '')}:`), process.stderr);
}

export function addRender(command: Command, run: Run): void {
  command
    .argument('<file>', '.blend file')
    .option('-o, --output <dir>', 'folder for renders', 'renders')
    .option('--json', 'print the result of each render as one JSON object')
    .action((file: string, flags: RenderFlags) => run(async () => renderCommand(file, flags)));
  explain(withRenderOptions(withMachineOptions(command)), {
    notes:
      'Ctrl-C stops the render; run the same command again to resume. ' +
      'Several cameras render one after the other, and the exit code is the worst of them.',
    exitCodes: [
      [0, 'all frames and the video are complete'],
      [1, 'render failed'],
      [2, 'wrong usage'],
      [3, 'frames or sound are missing; output.partial.mp4 repeats neighbouring frames instead'],
      [130, 'interrupted'],
    ],
    examples: [
      'spotreel render shot.blend',
      'spotreel render shot.blend --frames 1-250x10 --resolution-percent 25   every 10th frame of 1 to 250, small',
      'spotreel render shot.blend --camera all   one render for each camera',
    ],
  });
}
