import { type BlenderVersion, compareBlenderVersions } from '../../render/blender-version';
import { countFrames } from '../../render/frames';
import type { RenderOptions } from '../../render/options';
import { displayOf, isHdr, type VideoFileFormat } from '../../render/video';
import { listNames, printableName } from '../../text';
import type { BlendFacts, SceneFacts } from '../blend/facts';
import type { BlendContents } from '../contents/blend-contents';
import { chosenScene, chosenVideo, hasSound, plannedFrames, soundFault } from '../plan';
import type { ColorConfig } from '../project/examine';
import { finding, type PreflightFinding } from './codes';

/** Blender's own engines and their needs. */
const ENGINES: Readonly<Record<string, 'any' | 'display' | 'gone'>> = {
  CYCLES: 'any',
  BLENDER_EEVEE: 'display',
  BLENDER_EEVEE_NEXT: 'display',
  BLENDER_WORKBENCH: 'display',
  BLENDER_OPENGL: 'display',
  BLENDER_RENDER: 'gone',
  BLENDER_GAME: 'gone',
};

/** Formats that Spotreel renders, or keeps besides (`MASTERS` in `formats.py`). */
const FORMATS = new Set([
  'PNG',
  'JPEG',
  'OPEN_EXR',
  'OPEN_EXR_MULTILAYER',
  'TIFF',
  'WEBP',
  'DPX',
  'HDR',
  'AVIF',
  'JPEG2000',
  'CINEON',
  'TARGA',
  'TARGA_RAW',
  'BMP',
  'IRIS',
]);

/** Formats with one file for all frames, spelled as by `outputFormatName`. */
const MOVIES = new Set(['AVI_RAW', 'AVI_JPEG', 'FFMPEG', 'H264', 'XVID', 'THEORA', 'AV1']);

/** Settings of a scene that render differently than its maker may expect, besides those that `planRender` refuses. Pure. */
export function sceneFindings(
  facts: BlendFacts,
  options: RenderOptions,
  { hasDisplay }: { readonly hasDisplay: boolean },
): PreflightFinding[] {
  const scene = chosenScene(facts, options);
  if (!scene) return [];
  const engine = options.engine ?? scene.engine;
  return [
    ...engineFindings(engine, scene, hasDisplay),
    ...(options.camera === undefined ? markers(scene) : []),
    ...views(scene),
    ...formatFindings(scene),
  ];
}

function engineFindings(engine: string, scene: SceneFacts, hasDisplay: boolean): PreflightFinding[] {
  if (scene.usesSequencer) return [];
  const needs = Object.hasOwn(ENGINES, engine) ? ENGINES[engine] : undefined;
  const name = printableName(engine);
  const fix = 'set Render Properties > Render Engine to Cycles, or use --engine cycles';
  if (needs === 'display' && !hasDisplay) {
    const message = `engine ${name} draws with OpenGL: it is slow without a GPU, and some Blenders cannot start it without a display; ${fix}`;
    return [finding('engine-needs-display', message)];
  }
  const otherwise = `Blender would render with EEVEE instead; ${fix}`;
  if (needs === 'gone') {
    const message = `engine ${name} was removed in Blender 2.80, and ${otherwise}`;
    return [finding('engine-gone', message)];
  }
  if (needs === undefined) {
    const message = `engine ${name} belongs to an add-on; Spotreel loads no add-ons, and ${otherwise}`;
    return [finding('engine-unknown', message)];
  }
  return [];
}

function views({ usesViews, usesSequencer }: SceneFacts): PreflightFinding[] {
  if (!usesViews) return [];
  const shown = usesSequencer
    ? 'one picture'
    : "one picture, by the scene's camera without its stereo offset";
  const message = `Stereoscopy is on: Spotreel renders ${shown}, and keeps no left or right view; render each view from its own scene, or with Blender itself (Output Properties > Stereoscopy)`;
  return [finding('stereo-one-view', message)];
}

function markers({ switchesCameras }: SceneFacts): PreflightFinding[] {
  if (!switchesCameras) return [];
  const message =
    'markers switch cameras: each frame uses the camera of its marker, not Scene Properties > Camera; check the cameras of all markers';
  return [finding('marker-cameras', message)];
}

function formatFindings({ outputFormat }: SceneFacts): PreflightFinding[] {
  if (FORMATS.has(outputFormat)) return [];
  if (MOVIES.has(outputFormat)) {
    const message = `the output format ${outputFormat} is one file for all frames: Spotreel renders PNG frames instead and makes a video of them`;
    return [finding('movie-output', message)];
  }
  const message = `Spotreel does not know the output format ${outputFormat} and keeps only PNG frames; to keep other files too, set Output Properties > Output > File Format to OpenEXR or TIFF`;
  return [finding('format-not-kept', message)];
}

/** Two fixes for a Blender without OpenImageDenoise; `off` says where to disable denoising. */
export const denoiserFix = (off: string): string =>
  `install a Blender from blender.org and name it in SPOTREEL_BLENDER, or ${off}`;

const CYCLES_OFF = 'switch off Render Properties > Sampling > Render > Denoise and save the scene';

type Scene = Readonly<{ facts: BlendFacts; contents: Pick<BlendContents, 'denoiseNodes' | 'composites'> }>;

/** Whether the render needs a Blender with OpenImageDenoise: checking one takes a second. */
export function needsDenoiser({ facts, contents }: Scene, options: RenderOptions): boolean {
  return isDenoised({ facts, contents }, options) || hasDenoiseNodes({ facts, contents }, options);
}

/** Findings if the Blender lacks OpenImageDenoise; none if that is unknown. Pure. */
export function denoiseFindings(
  scene: Scene,
  options: RenderOptions,
  hasDenoiser: boolean | undefined,
): PreflightFinding[] {
  if (hasDenoiser !== false) return [];
  const lacks = 'this Blender was built without OpenImageDenoise';
  const cycles = `Cycles cannot render this scene with denoising: ${lacks}; ${denoiserFix(CYCLES_OFF)}`;
  const nodes = `Denoise nodes of the compositor do nothing: ${lacks}; ${denoiserFix('mute the nodes')}`;
  return [
    ...(isDenoised(scene, options) ? [finding('denoiser-missing', cycles)] : []),
    ...(hasDenoiseNodes(scene, options) ? [finding('denoise-nodes-off', nodes)] : []),
  ];
}

/** For a scene that only composites, the scenes that it shows decide. */
function isDenoised({ facts, contents }: Scene, options: RenderOptions): boolean {
  const scene = chosenScene(facts, options);
  if (scene === undefined || scene.usesSequencer) return false;
  const shown = contents.composites?.find((one) => one.scene === scene.name)?.from ?? [scene.name];
  return facts.scenes.some(
    (one) =>
      shown.includes(one.name) &&
      one.denoises &&
      ((one === scene ? options.engine : undefined) ?? one.engine) === 'CYCLES',
  );
}

function hasDenoiseNodes({ facts, contents }: Scene, options: RenderOptions): boolean {
  return contents.denoiseNodes.length > 0 && chosenScene(facts, options)?.usesCompositor === true;
}

/** Formats with 10 bits for an HDR display. */
const DEEP: ReadonlySet<VideoFileFormat> = new Set(['hevc', 'av1', 'prores']);

/** Findings if a video or its frames lose some of the scene's HDR display. Pure. */
export function videoFindings(facts: BlendFacts, options: RenderOptions): PreflightFinding[] {
  const scene = chosenScene(facts, options);
  const frames = scene && plannedFrames(scene, options);
  if (!frames || !isHdr(displayOf(scene))) return [];
  const video = chosenVideo(options, countFrames(frames));
  const display = `the display ${printableName(scene.display ?? '')}`;
  const found: PreflightFinding[] = [];
  if (video !== 'none' && !DEEP.has(video)) {
    const message = `video ${video} has 8 bits, which show bands on ${display}; use --video hevc (or av1, prores), which has 10`;
    found.push(finding('hdr-video', message));
  }
  if (scene.bitDepth === 8) {
    const message = `frames are saved with 8 bits, which show bands on ${display}; set Output Properties > Output > Color Depth to 16`;
    found.push(finding('hdr-depth', message));
  }
  return found;
}

/** Names that one message lists. */
const MOST_NAMES = 5;

/** Sound that differs from what the scene's maker may expect. Missing files are reported with all others. Pure. */
export function soundFindings(
  facts: BlendFacts,
  options: RenderOptions,
  speakers: readonly string[],
): PreflightFinding[] {
  const scene = chosenScene(facts, options);
  const frames = scene && plannedFrames(scene, options);
  if (!frames || !hasSound(facts, scene, speakers.length > 0)) return [];
  const video = chosenVideo(options, countFrames(frames));
  if (video === 'none') return [];
  const fault = soundFault(video, frames);
  if (fault !== undefined) {
    const message = `the video has no sound: ${fault}`;
    return [finding('sound-left-out', message)];
  }
  if (speakers.length === 0) return [];
  const named = speakers.map((name) => `"${printableName(name)}"`);
  const message = `the video has speakers (${listNames(named, MOST_NAMES)}) as the scene's camera hears them, wherever a sound strip of their animation plays`;
  return [finding('speakers', message)];
}

/** Views of the OpenColorIO configurations in Blender 2.64 to 5.3. `Default` became `Standard` in 2.80. */
const OWN_VIEWS: ReadonlySet<string> = new Set([
  '',
  'Default',
  'Standard',
  'Filmic',
  'Filmic Log',
  'False Color',
  'Raw',
  'AgX',
  'Khronos PBR Neutral',
  'ACES 1.3',
  'ACES 2.0',
  'RRT',
  'Film',
]);

/** Views of HDR displays (Rec.2100-PQ, Rec.2100-HLG) in the configuration of Blender 5.2.3. */
const OWN_HDR_VIEW = /^(?:AgX|ACES 1\.3|ACES 2\.0) - (?:SDR|HDR \d{3,4} nits)$/;

const isOwnView = (view: string): boolean => OWN_VIEWS.has(view) || OWN_HDR_VIEW.test(view);

/** Views that Blender replaces with equivalent ones on opening. */
const RENAMED_VIEWS: ReadonlySet<string> = new Set(['', 'Default']);

/** Colours where the scene renders. */
interface Colors {
  /** Whether `OCIO` names a configuration there; its contents are unknown. */
  readonly hasOwnColors?: boolean;
  /** The configuration that the render requests. */
  readonly colorConfig?: ColorConfig;
  /** The Blender that would render; absent if unknown. */
  readonly blender?: BlenderVersion;
}

/** The first Blender with OpenColorIO 2.2, which has archives and built-in configurations. */
const WITH_OCIO_2_2: BlenderVersion = { major: 3, minor: 5 };

/**
 * Findings about colours that Blender would replace: a view missing from Blender's own views or from the render's
 * configuration. The worker checks display and look as well. Pure.
 */
export function colorFindings(
  facts: BlendFacts,
  options: RenderOptions,
  { hasOwnColors, colorConfig, blender }: Colors,
): PreflightFinding[] {
  const view = chosenScene(facts, options)?.colors?.view ?? '';
  const tooNew = colorConfig && blender ? ocioTooNew(colorConfig, blender) : [];
  if (colorConfig ? hasView(colorConfig, view) : hasOwnColors || isOwnView(view)) return tooNew;
  const name = `view "${printableName(view)}"`;
  const message = colorConfig
    ? `${name} is missing in the OCIO configuration ${colorConfig.location}, and Blender would render with another view; use the configuration of the scene with --ocio, or choose another view in Render Properties > Color Management`
    : `${name} is missing in Blender's own colour configuration, and Blender would render with another view; use the OCIO configuration of the scene with --ocio FILE (metadata ocio), or choose another view in Render Properties > Color Management`;
  return [...tooNew, finding('view-missing', message)];
}

/** `true` if only Blender can decide: names have several spellings, but all keep their letters. */
function hasView({ text }: ColorConfig, view: string): boolean {
  return text === undefined || RENAMED_VIEWS.has(view) || text.includes(view) || text.includes('\\');
}

function ocioTooNew({ text, location }: ColorConfig, blender: BlenderVersion): PreflightFinding[] {
  if (text !== undefined || compareBlenderVersions(blender, WITH_OCIO_2_2) >= 0) return [];
  const { major, minor } = blender;
  const message = `OCIO configuration ${location} needs Blender 3.5 or newer, and Blender ${major}.${minor} would render with its own colours; use a .ocio file with --ocio, or render with a newer Blender`;
  return [finding('ocio-too-new', message)];
}
