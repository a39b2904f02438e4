import { SpotreelError } from '../errors';
import {
  countFrames,
  type FrameRanges,
  MAX_FRAME,
  MIN_FRAME,
  parseFrameRanges,
  rangeOf,
} from '../render/frames';
import type { Finding, Manifest, ManifestDependency } from '../render/manifest';
import type { RenderOptions, Tags } from '../render/options';
import {
  automaticFramesPerSlice,
  MOST_PACE_SECONDS,
  type Pace,
  paceFramesPerSlice,
  sliceFrames,
  usualOrder,
} from '../render/slices';
import {
  DEFAULT_VIDEO,
  displayOf,
  frameRateOf,
  frameResolution,
  pixelAspectOf,
  videoFault,
  type VideoFormat,
} from '../render/video';
import { listNames, printableName } from '../text';
import type { BlendFacts, SceneFacts } from './blend/facts';
import type { BlendContents } from './contents/blend-contents';

/** The chosen video format; by default none for a single frame, and H.264 for several. Pure. */
export function chosenVideo({ video }: Pick<RenderOptions, 'video'>, frameCount: number): VideoFormat {
  return video ?? (frameCount === 1 ? 'none' : DEFAULT_VIDEO);
}

/** The video format of a plan. */
export const plannedVideo = (plan: {
  readonly options: Pick<RenderOptions, 'video'>;
  readonly frameCount: number;
}): VideoFormat => chosenVideo(plan.options, plan.frameCount);

/**
 * Whether a scene may have sound: from strips of its sequencer, strips of scenes that it shows, or speakers, which Blender
 * mixes at its camera. The sound may still be silence. Pure.
 */
export function hasSound(
  { scenes }: Pick<BlendFacts, 'scenes'>,
  scene: SceneFacts,
  hasSpeakers: boolean,
): boolean {
  const shown = scene.hasSceneStrips && scenes.some(({ hasSoundStrips }) => hasSoundStrips);
  return scene.hasSoundStrips || shown || hasSpeakers;
}

/** Why a video of these frames cannot have the scene's sound; `undefined` if it can. Pure. */
export function soundFault(video: VideoFormat, frames: FrameRanges): string | undefined {
  if (video === 'none') return 'the render makes no video';
  if (video === 'gif') return 'GIF has no sound';
  const [first, last] = [frames[0]!.start, frames.at(-1)!.end];
  if (countFrames(frames) !== last - first + 1)
    return 'some frames are left out, so the sound would lose sync';
  // A mixdown starts at the scene's first frame, at least 0.
  return first < 0 ? 'frames start below 0, where Blender mixes no sound' : undefined;
}

type Composites = NonNullable<BlendContents['composites']>;

export interface PlanInput {
  readonly renderId: string;
  readonly source: Manifest['source'];
  readonly facts: BlendFacts;
  readonly options: RenderOptions;
  readonly tags?: Tags;
  /** The group of renders of several cameras. */
  readonly group?: string;
  /** Number of children that can run at once. */
  readonly parallel: number;
  /** How long frames take there, if that is known. */
  readonly pace?: Pace;
  readonly now: Date;
  /** Version of the Blender that renders, if known. */
  readonly renderBlenderVersion?: string;
  /** The cost cap of an upload. */
  readonly cap?: Manifest['cap'];
  /** The result of the preflight; absent without one. */
  readonly checked?: CheckedScene;
}

/** Results of the preflight that a plan needs. */
export interface CheckedScene {
  readonly scenePath: string;
  readonly files: readonly ManifestDependency[];
  readonly findings: readonly Finding[];
  /** Whether each frame needs the frames before it. */
  readonly needsOneSlice: boolean;
  readonly hasSpeakers: boolean;
}

/**
 * Plans a render. Throws `SpotreelError` of kind `scene` (or `usage`, for options) whose message names the file and scene and
 * says what to change. Pure.
 */
export function planRender(input: PlanInput): Manifest {
  const { renderId, source, facts, options, tags, group, cap, now, checked, pace } = input;
  const { renderBlenderVersion } = input;
  const scene = chooseScene(facts, options, source.url);
  const at = placeOf(scene, source.url);
  if (!checked) checkCamera(scene, facts, [], options, at);
  const frames = chooseFrames(scene, options, at);
  const frameCount = countFrames(frames);
  const frameRate = chooseFrameRate(scene, at);
  const resolution = chooseResolution(scene, options, at);
  const video = chosenVideo(options, frameCount);
  checkVideo(video, resolution, frameRate, at);
  const [pixelAspect, display] = [pixelAspectOf(scene), displayOf(scene)];
  const isHeard = hasSound(facts, scene, checked?.hasSpeakers ?? false);
  const slicing = sliceFrames(frameCount, framesPerSlice(frameCount, input));
  return {
    version: 1,
    renderId,
    createdAt: now.toISOString(),
    source,
    options,
    group,
    ...(tags && Object.keys(tags).length > 0 && { tags: { ...tags } }),
    ...(cap && { cap: { maxUsd: cap.maxUsd, at: cap.at } }),
    blenderVersion: { major: facts.blenderVersion.major, minor: facts.blenderVersion.minor },
    renderBlenderVersion,
    scene: scene.name,
    engine: options.engine ?? scene.engine,
    colors: scene.colors,
    frames: [...frames],
    frameCount,
    ...slicing,
    ...(pace && mayFitSlices(input) && { pace: plannedPace(pace) }),
    ...((options.order ?? usualOrder(slicing.sliceCount)) === 'spread' && { sliceOrder: 'spread' }),
    frameRate,
    ...(isHeard && soundFault(video, frames) === undefined && { sound: true }),
    resolution,
    pixelAspect,
    display,
    ...(checked && {
      scenePath: checked.scenePath,
      dependencies: [...checked.files],
      findings: [...checked.findings],
    }),
  };
}

/** All errors for which `planRender` would refuse the scene, not only the first. Pure. */
export function sceneFaults(
  facts: BlendFacts,
  options: RenderOptions,
  file: string,
  { composites = [] }: Pick<BlendContents, 'composites'> = {},
): SpotreelError[] {
  const scene = chosenScene(facts, options);
  if (!scene) return faultsOf(() => chooseScene(facts, options, file));
  const at = placeOf(scene, file);
  const faults = [
    () => checkCamera(scene, facts, composites, options, at),
    () => chooseFrames(scene, options, at),
    () => chooseFrameRate(scene, at),
    () => chooseResolution(scene, options, at),
  ].flatMap(faultsOf);
  if (faults.length > 0) return faults;
  return faultsOf(() =>
    checkVideo(
      chosenVideo(options, countFrames(chooseFrames(scene, options, at))),
      chooseResolution(scene, options, at),
      chooseFrameRate(scene, at),
      at,
    ),
  );
}

/** Returns a `SpotreelError` of `check` in a list; other errors are thrown. */
export function faultsOf(check: () => unknown): SpotreelError[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof SpotreelError) return [error];
    throw error;
  }
}

/** An explicit slice size with `--force` wins. */
function framesPerSlice(frameCount: number, { options, parallel, checked, pace }: PlanInput): number {
  if (checked?.needsOneSlice && !(options.force && options.framesPerSlice)) return frameCount;
  if (options.framesPerSlice !== undefined) return options.framesPerSlice;
  const automatic = automaticFramesPerSlice(frameCount, parallel);
  if (!pace) return automatic;
  const fit = paceFramesPerSlice(frameCount, parallel, pace);
  // A machine of the user's own is never reclaimed: its slices are only made longer.
  return pace.leastSlices === undefined ? fit : Math.max(fit, automatic);
}

/** Within the limits of a plan, so that a wrong pace refuses no scene. */
const plannedPace = ({ frameSeconds, startSeconds, from }: Pace): Pace => ({
  frameSeconds: Math.min(Math.max(0, frameSeconds), MOST_PACE_SECONDS),
  startSeconds: Math.min(Math.max(0, startSeconds), MOST_PACE_SECONDS),
  from,
});

/** Whether the pace may decide the frames per slice. */
export const mayFitSlices = ({ options, checked }: Pick<PlanInput, 'options' | 'checked'>): boolean =>
  options.framesPerSlice === undefined && !checked?.needsOneSlice;

function placeOf(scene: SceneFacts, file: string): string {
  return `scene "${printableName(scene.name)}" of ${file}`;
}

/** The scene to render: the one in the options, else the file's active one. */
export function chosenScene(facts: BlendFacts, { scene }: RenderOptions): SceneFacts | undefined {
  const name = scene ?? facts.activeScene;
  return facts.scenes.find((candidate) => candidate.name === name);
}

function chooseScene(facts: BlendFacts, options: RenderOptions, file: string): SceneFacts {
  const scene = chosenScene(facts, options);
  if (scene) return scene;
  const name = printableName(options.scene ?? facts.activeScene);
  if (facts.incomplete) {
    throw sceneFault(
      'scene-unread',
      `${file} is too large to find scene "${name}" in it; open it in Blender and save it without Compress, or with Blender 3.0 or newer`,
    );
  }
  const names = facts.scenes.map((candidate) => `"${printableName(candidate.name)}"`).join(', ');
  throw sceneFault('no-such-scene', `there is no scene "${name}" in ${file}; it has ${names}`);
}

/** Checks cameras as Blender does: a scene that only composites needs those of the scenes that it shows. */
function checkCamera(
  scene: SceneFacts,
  { scenes }: BlendFacts,
  composites: Composites,
  { camera }: RenderOptions,
  at: string,
): void {
  const hasCamera = (one: SceneFacts) => one.hasCamera || one.markerCameras;
  if (camera !== undefined || hasCamera(scene) || scene.usesSequencer) return;
  const composite = composites.find((one) => one.scene === scene.name);
  if (composite) {
    const lacking = scenes.find((one) => composite.from.includes(one.name) && !hasCamera(one));
    if (!lacking) return;
    const other = `scene "${printableName(lacking.name)}", which ${at} composites,`;
    throw sceneFault('no-camera', `${other} has no camera; choose one in Scene Properties > Scene > Camera`);
  }
  throw sceneFault(
    'no-camera',
    `${at} has no camera; add one or choose it in Scene Properties > Scene > Camera`,
  );
}

/** The frames of a plan; `undefined` if it would refuse them. */
export function plannedFrames(scene: SceneFacts, options: RenderOptions): FrameRanges | undefined {
  try {
    return chooseFrames(scene, options, '');
  } catch (error) {
    if (error instanceof SpotreelError) return undefined;
    throw error;
  }
}

function chooseFrames(scene: SceneFacts, options: RenderOptions, at: string): FrameRanges {
  if (options.frames !== undefined) return parseFrameRanges(options.frames);
  const { frameStart: start, frameEnd: end, frameStep: step } = scene;
  const fix = 'in Output Properties > Frame Range, or use --frames';
  if (step < 1) throw sceneFault('bad-step', `${at} has frame step ${step}; set Step to 1 or more ${fix}`);
  if (start > end) {
    throw sceneFault(
      'empty-range',
      `${at} starts at frame ${start}, after its end ${end}; set Start and End ${fix}`,
    );
  }
  if (start < MIN_FRAME || end > MAX_FRAME) {
    const limits = `${MIN_FRAME} to ${MAX_FRAME}`;
    throw sceneFault(
      'absurd-range',
      `${at} has frames ${start} to ${end}, beyond Blender's limits of ${limits}; set Start and End ${fix}`,
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
    `${at} renders ${resolution.width}×${resolution.height} pixels at ${percent} %; set Output Properties > Format > Resolution, or use a higher --resolution-percent`,
  );
}

function checkVideo(
  video: VideoFormat,
  resolution: Manifest['resolution'],
  frameRate: Manifest['frameRate'],
  at: string,
): void {
  const fault = videoFault(video, resolution, frameRate);
  if (fault !== undefined) throw sceneFault('bad-video', `${at}: ${fault}; choose another --video`);
}

function sceneFault(code: string, message: string): SpotreelError {
  return new SpotreelError(code, 'scene', message);
}

/** Cameras that a message lists. */
const MOST_NAMES = 20;

/** Renders that one request may make. */
const MOST_CAMERAS = 100;

/** The parts of an examined scene that name its cameras. */
export interface SceneWithCameras {
  readonly facts: BlendFacts;
  readonly contents: Pick<BlendContents, 'cameras'>;
}

/**
 * The cameras in the option `camera`, in its order and unique: a camera's exact name, `all`, or names separated by commas.
 * Empty without the option. Throws `no-such-camera` (usage), which names those of the scene. If a library may hold an unknown
 * name, Blender checks it. Pure.
 */
export function chooseCameras({ facts, contents }: SceneWithCameras, options: RenderOptions): string[] {
  const scene = chosenScene(facts, options);
  if (options.camera === undefined || !scene) return [];
  if (scene.usesSequencer) throw sequencerRenders(scene.name);
  const { names = [], isWhole = false } = contents.cameras.find((one) => one.scene === scene.name) ?? {};
  if (names.includes(options.camera)) return [options.camera];
  const asked = options.camera.split(',').map((name) => name.trim());
  const chosen = [
    ...new Set(asked.flatMap((name) => (name === 'all' && !names.includes(name) ? names : [name]))),
  ];
  const unknown = chosen.find((name) => !names.includes(name));
  if (chosen.length === 0 || unknown === '' || (unknown !== undefined && isWhole))
    throw noSuchCamera(unknown ?? options.camera, scene.name, names);
  if (chosen.length > MOST_CAMERAS) throw tooMany(chosen.length);
  return chosen;
}

function noSuchCamera(asked: string, scene: string, names: readonly string[]): SpotreelError {
  const named = names.map((name) => `"${printableName(name)}"`);
  const cameras = names.length === 0 ? 'no cameras' : `the cameras ${listNames(named, MOST_NAMES)}`;
  const message = `camera "${printableName(asked)}" is unknown: scene "${printableName(scene)}" has ${cameras}; change --camera`;
  return new SpotreelError('no-such-camera', 'usage', message);
}

function sequencerRenders(scene: string): SpotreelError {
  const message = `scene "${printableName(scene)}" renders its video sequencer, whose strips have cameras of their own; leave out --camera, or switch off Output Properties > Post Processing > Sequencer`;
  return new SpotreelError('no-such-camera', 'usage', message);
}

function tooMany(count: number): SpotreelError {
  const message = `--camera names ${count} cameras, more than ${MOST_CAMERAS}; render them in parts`;
  return new SpotreelError('no-such-camera', 'usage', message);
}
