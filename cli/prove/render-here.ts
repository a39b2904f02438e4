import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askBlenderRelease, findProgram, programEnvironment } from '../../container/worker/programs';
import { messageOf } from '../../core/errors';
import { runProgram } from '../../core/processes/run-program';
import { Render } from '../../core/render/render';
import { openStorage } from '../../core/storage/open-storage';
import { fileUrl, type Storage } from '../../core/storage/storage';
import { differenceOf } from './compare-frames';
import type { FramesFacts } from './facts';

/** The scene of all frames: two frames, saved by Blender 3.4 with EEVEE, 96 x 54 pixels (test/fixtures/golden/make.py). */
export const SCENE = join(__dirname, 'prove.blend');

export const ENGINES = ['cycles', 'eevee'] as const;
export type ProvedEngine = (typeof ENGINES)[number];

/** Frames that this machine rendered, by number, or why it did not. */
export type FramesHere = { readonly frames: ReadonlyMap<number, Uint8Array> } | { readonly skipped: string };

/** Most minutes for one engine here. */
const MOST_MS = 10 * 60_000;

/** Renders both frames with each engine by this program itself, if the Blender here is the farm's. Never throws. */
export async function renderHere(
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<Record<ProvedEngine, FramesHere>> {
  const both = (here: FramesHere) => ({ cycles: here, eevee: here });
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-prove-'));
  try {
    const blender = findProgram('blender', process.env);
    const [version] = (await askBlenderRelease(blender, programEnvironment(process.env, folder))).split(
      ' ',
      1,
    );
    if (version !== wanted) {
      const farms =
        wanted === undefined
          ? 'the Blender of the farm is unknown'
          : `the farm renders with Blender ${wanted}`;
      return both({ skipped: `${farms}, and this machine has ${version}: set SPOTREEL_BLENDER to compare` });
    }
    const [cycles, eevee] = await Promise.all(
      ENGINES.map((engine) => renderWith(engine, join(folder, engine), signal)),
    );
    return { cycles: cycles!, eevee: eevee! };
  } catch (error) {
    return both({ skipped: `nothing was rendered here: ${messageOf(error)}` });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function renderWith(engine: ProvedEngine, output: string, signal: AbortSignal): Promise<FramesHere> {
  const program = [process.execPath, process.argv[1]!];
  const flags = ['--frames', '1-2', '--video', 'none', '--engine', engine];
  try {
    const options = { environment: process.env, timeoutMs: MOST_MS, signal };
    await runProgram([...program, 'render', SCENE, '-o', output, ...flags], options);
    const storage = openStorage();
    for await (const render of Render.all(fileUrl(`${output}/`), storage))
      return { frames: await readFrames(render, storage) };
    return { skipped: 'nothing was rendered here' };
  } catch (error) {
    return { skipped: `the frames could not be rendered here: ${messageOf(error).split('\n').at(-1)}` };
  }
}

async function readFrames(render: Render, storage: Storage): Promise<Map<number, Uint8Array>> {
  const frames = new Map<number, Uint8Array>();
  for await (const { frame, object } of render.frameFiles()) frames.set(frame, await storage.get(object.url));
  return frames;
}

/** Compares all frames of a farm's render folder with those rendered here. Throws storage's errors. */
export async function compareFrames(
  folder: URL | undefined,
  least: number,
  here: FramesHere,
  storage: Storage,
): Promise<FramesFacts> {
  if (folder === undefined) return { skipped: 'the farm rendered no frames: see upload' };
  const frames = await readFrames(Render.in(folder, storage), storage);
  if (frames.size < least) return { fault: `the farm stored ${frames.size} of ${least} frames` };
  if ('skipped' in here) return here;
  try {
    const compared = Array.from(frames, ([frame, bytes]) => {
      const own = here.frames.get(frame);
      if (!own) throw new Error(`frame ${frame} is missing here`);
      return { frame, difference: differenceOf(own, bytes) };
    });
    return { compared };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}
