import { cameraRenders, type CameraRender } from '../../core/batch/camera-renders';
import type { RenderOptions } from '../../core/contract/options';
import { examineScene, type SceneExamination } from '../../core/preflight/examine-scene';
import { printable, printableName } from '../../core/printable';
import { openStorage } from '../../core/storage/open-storage';
import type { ObjectHead, Storage } from '../../core/storage/storage';
import { findSource } from '../find-source';
import { localFolder } from '../local-folder';
import { LocalRender } from '../local/local-render';
import { divideMachine } from '../local/machine';
import { hasDisplay } from '../local/has-display';
import { createProgressView } from '../progress-view';
import { reportFindings } from '../report-findings';
import { ocioOption } from '../ocio-flag';
import { renderOptionsOf, type OptionFlags } from '../render-options';
import { describeOutcome, outcomeJson } from '../render-outcome';
import { onStopSignal } from '../stop-signals';

export interface RenderFlags extends OptionFlags {
  readonly output: string;
  readonly parallel?: number;
  readonly name?: string;
  readonly json?: boolean;
}

const EXIT_CODES = { complete: 0, partial: 3, failed: 1 } as const;

/** The worst first. */
const BAD_ENDS = [EXIT_CODES.failed, EXIT_CODES.partial];

/** `spotreel render FILE`: the whole of a render on this machine, or of one for each camera. Gives the exit code, of several the worst. */
export async function renderCommand(file: string, flags: RenderFlags): Promise<number> {
  const asked = renderOptionsOf(flags);
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

/** The scene is read first only where its cameras are asked for. */
async function plannedRenders({ source, options, flags, storage }: Wish): Promise<{
  readonly renders: readonly CameraRender[];
  readonly examination?: SceneExamination;
}> {
  const { name } = flags;
  if (options.camera === undefined) return { renders: [{ options, ...(name !== undefined && { name }) }] };
  const examination = await examineScene(source.url, source.etag, storage, undefined, undefined, options);
  const identity = { source: source.url, etag: source.etag, options };
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
    machine: divideMachine(flags.parallel),
    allowsScripts: render.options.allowScripts === true,
    storage,
    hasDisplay: hasDisplay(process.env, process.platform),
    report: reportFindings,
    view: createProgressView(process.stderr, Date.now),
  });
}

/** Renders, and prints how it ended. `stopped` gives the exit code of an interruption. */
async function runToEnd(render: LocalRender, { json }: RenderFlags, stopped: () => number): Promise<number> {
  const startedAt = performance.now();
  const outcome = await render.run();
  const seconds = (performance.now() - startedAt) / 1000;
  process.stderr.write(`${describeOutcome(outcome, seconds)}\n`);
  if (json) process.stdout.write(`${JSON.stringify(outcomeJson(outcome, seconds))}\n`);
  return outcome.state === 'interrupted' ? stopped() : EXIT_CODES[outcome.state];
}

function sayCamera(camera: string | undefined): void {
  process.stderr.write(`${printable(`camera ${printableName(camera ?? '')}:`)}\n`);
}
