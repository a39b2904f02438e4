import { SpotreelError } from '../errors';
import type { BlendFacts, SceneFacts } from '../blend/scene-facts';
import type { Manifest } from '../contract/manifest';
import type { RenderOptions } from '../contract/options';
import {
  countFrames,
  MAX_FRAME,
  MIN_FRAME,
  parseFrameRanges,
  rangeOf,
  type FrameRanges,
} from './frame-range';
import { frameRateOf } from './frame-rate';
import { frameResolution } from './resolution';
import { automaticFramesPerSlice, sliceFrames } from './slices';

/** What a plan is made from. */
export interface PlanInput {
  readonly renderId: string;
  readonly source: Manifest['source'];
  readonly facts: BlendFacts;
  readonly options: RenderOptions;
  /** How many children can run at once where the render goes. */
  readonly parallel: number;
  readonly now: Date;
}

/**
 * The plan of a render: pure. Throws `SpotreelError` of kind `scene` (or `usage`, for options) with one message that
 * names the file and scene and says what to change.
 */
export function planRender({ renderId, source, facts, options, parallel, now }: PlanInput): Manifest {
  const scene = chooseScene(facts, options, source.url);
  const at = `scene "${scene.name}" of ${source.url}`;
  checkCamera(scene, at);
  const frames = chooseFrames(scene, options, at);
  const frameCount = countFrames(frames);
  const slicing = sliceFrames(
    frameCount,
    options.framesPerSlice ?? automaticFramesPerSlice(frameCount, parallel),
  );
  return {
    version: 1,
    renderId,
    createdAt: now.toISOString(),
    source,
    options,
    blenderVersion: { major: facts.blenderVersion.major, minor: facts.blenderVersion.minor },
    scene: scene.name,
    engine: options.engine ?? scene.engine,
    frames: [...frames],
    frameCount,
    ...slicing,
    frameRate: chooseFrameRate(scene, at),
    resolution: chooseResolution(scene, options, at),
  };
}

function chooseScene(facts: BlendFacts, options: RenderOptions, file: string): SceneFacts {
  const name = options.scene ?? facts.activeScene;
  const scene = facts.scenes.find((candidate) => candidate.name === name);
  if (scene) return scene;
  const names = facts.scenes.map((candidate) => `"${candidate.name}"`).join(', ');
  throw sceneFault('no-such-scene', `there is no scene "${name}" in ${file}; it has ${names}`);
}

function checkCamera(scene: SceneFacts, at: string): void {
  if (scene.hasCamera || scene.markerCameras || scene.usesSequencer) return;
  throw sceneFault(
    'no-camera',
    `${at} has no camera; add one or choose it in Scene Properties > Scene > Camera`,
  );
}

function chooseFrames(scene: SceneFacts, options: RenderOptions, at: string): FrameRanges {
  if (options.frames !== undefined) return parseFrameRanges(options.frames);
  const { frameStart: start, frameEnd: end, frameStep: step } = scene;
  const mend = 'in Output Properties > Frame Range, or give --frames';
  if (step < 1) throw sceneFault('bad-step', `${at} has frame step ${step}; set Step to 1 or more ${mend}`);
  if (start > end) {
    throw sceneFault(
      'empty-range',
      `${at} starts at frame ${start}, after its end ${end}; set Start and End ${mend}`,
    );
  }
  if (start < MIN_FRAME || end > MAX_FRAME) {
    const limits = `${MIN_FRAME} to ${MAX_FRAME}`;
    throw sceneFault(
      'absurd-range',
      `${at} has frames ${start} to ${end}, beyond Blender's limits of ${limits}; set Start and End ${mend}`,
    );
  }
  return [rangeOf(start, end, step)];
}

function chooseFrameRate(scene: SceneFacts, at: string): Manifest['frameRate'] {
  const rate = frameRateOf(scene.fps, scene.fpsBase);
  if (rate) return rate;
  throw sceneFault(
    'bad-frame-rate',
    `${at} has ${scene.fps} frames per second with base ${scene.fpsBase}; set a frame rate in Output Properties > Format > Frame Rate`,
  );
}

function chooseResolution(scene: SceneFacts, options: RenderOptions, at: string): Manifest['resolution'] {
  const percent = options.resolutionPercent ?? scene.resolutionPercent;
  const resolution = frameResolution({ ...scene, resolutionPercent: percent });
  if (resolution.width >= 1 && resolution.height >= 1) return resolution;
  throw sceneFault(
    'bad-resolution',
    `${at} renders ${resolution.width}×${resolution.height} pixels at ${percent} %; set Output Properties > Format > Resolution, or give a higher --resolution-percent`,
  );
}

function sceneFault(code: string, message: string): SpotreelError {
  return new SpotreelError(code, 'scene', message);
}
