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

/** The engines that are Blender's own, and what each needs. */
const ENGINES: Readonly<Record<string, 'any' | 'display' | 'gone'>> = {
  CYCLES: 'any',
  BLENDER_EEVEE: 'display',
  BLENDER_EEVEE_NEXT: 'display',
  BLENDER_WORKBENCH: 'display',
  BLENDER_OPENGL: 'display',
  BLENDER_RENDER: 'gone',
  BLENDER_GAME: 'gone',
};

/** What frames are rendered in, and what is kept beside it (`MASTERS` in `formats.py`). */
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

/** Formats of one file for all frames, as `outputFormatName` spells them. */
const MOVIES = new Set(['AVI_RAW', 'AVI_JPEG', 'FFMPEG', 'H264', 'XVID', 'THEORA', 'AV1']);

/** What of a scene's settings renders otherwise than its maker may think, besides what `planRender` refuses: pure. */
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
  const fix = 'set Render Properties > Render Engine to Cycles, or give --engine cycles';
  if (needs === 'display' && !hasDisplay) {
    const message = `engine ${name} draws by OpenGL: without a GPU it is slow, and without a display some Blenders don't start it; ${fix}`;
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
  const message = `Stereoscopy is on: Spotreel renders ${shown}, and no left or right view is kept; render each view from a scene of its own, or with Blender itself (Output Properties > Stereoscopy)`;
  return [finding('stereo-one-view', message)];
}

function markers({ switchesCameras }: SceneFacts): PreflightFinding[] {
  if (!switchesCameras) return [];
  const message =
    'markers switch cameras: each frame is rendered by the camera that its marker says, whatever Scene Properties > Camera says; see that all those cameras are meant';
  return [finding('marker-cameras', message)];
}

function formatFindings({ outputFormat }: SceneFacts): PreflightFinding[] {
  if (FORMATS.has(outputFormat)) return [];
  if (MOVIES.has(outputFormat)) {
    const message = `the output format ${outputFormat} is one file for all frames: frames are rendered as PNG instead, and a video is made of them`;
    return [finding('movie-output', message)];
  }
  const message = `Spotreel does not know the output format ${outputFormat} and keeps PNG frames alone; to keep files beside them, set Output Properties > Output > File Format to OpenEXR or TIFF`;
  return [finding('format-not-kept', message)];
}

/** Both ways out of a Blender without OpenImageDenoise; `off` is where denoising is switched off. */
export const denoiserFix = (off: string): string =>
  `install a Blender from blender.org and name it in SPOTREEL_BLENDER, or ${off}`;

const CYCLES_OFF = 'switch off Render Properties > Sampling > Render > Denoise and save the scene';

type Scene = Readonly<{ facts: BlendFacts; contents: Pick<BlendContents, 'denoiseNodes' | 'composites'> }>;

/** Whether it matters that the Blender that renders has OpenImageDenoise: asking it takes a second. */
export function needsDenoiser({ facts, contents }: Scene, options: RenderOptions): boolean {
  return isDenoised({ facts, contents }, options) || hasDenoiseNodes({ facts, contents }, options);
}

/** What a Blender without OpenImageDenoise does with the scene: pure. Nothing where that is unknown. */
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

/** A scene that only composites is drawn by Cycles in the scenes that it shows. */
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

/** Formats that have 10 bits for such a display. */
const DEEP: ReadonlySet<VideoFileFormat> = new Set(['hevc', 'av1', 'prores']);

/** What a video or its frames lose of the scene's display: pure. */
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

/** Names that one message tells. */
const MOST_NAMES = 5;

/** What of a scene's sound is otherwise than its maker may think: pure. Files that are missing are told with all others. */
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
  const message = `speakers (${listNames(named, MOST_NAMES)}) are heard in the video as the scene's camera hears them, where a sound strip of their animation plays them`;
  return [finding('speakers', message)];
}

/** Views of the OpenColorIO configurations of Blender 2.64 to 5.3. `Default` became `Standard` in 2.80. */
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

/** Those that Blender replaces on opening by what means the same. */
const RENAMED_VIEWS: ReadonlySet<string> = new Set(['', 'Default']);

/** What is known of the colours where the scene renders. */
interface Colors {
  /** Whether `OCIO` names a configuration there, of which nothing is known here. */
  readonly hasOwnColors?: boolean | undefined;
  /** The configuration that the render asks for. */
  readonly colorConfig?: ColorConfig | undefined;
  /** The Blender that would render; absent where that is unknown. */
  readonly blender?: BlenderVersion | undefined;
}

/** The first Blender with OpenColorIO 2.2, which has archives and built-in configurations. */
const WITH_OCIO_2_2: BlenderVersion = { major: 3, minor: 5 };

/**
 * Colours that Blender would replace: pure. A view that no Blender has by itself, or that the render's own configuration lacks; the
 * worker checks the display and the look as well, exactly.
 */
export function colorFindings(
  facts: BlendFacts,
  options: RenderOptions,
  { hasOwnColors, colorConfig, blender }: Colors,
): PreflightFinding[] {
  const view = chosenScene(facts, options)?.colors?.view ?? '';
  const tooNew = colorConfig && blender ? ocioTooNew(colorConfig, blender) : [];
  if (colorConfig ? hasView(colorConfig, view) : hasOwnColors || OWN_VIEWS.has(view)) return tooNew;
  const name = `view "${printableName(view)}"`;
  const message = colorConfig
    ? `${name} is missing in the OCIO configuration ${colorConfig.location}, and Blender would render with another view; give the configuration of the scene with --ocio, or choose another view in Render Properties > Color Management`
    : `${name} is missing in Blender's own colour configuration, and Blender would render with another view; give the OCIO configuration of the scene with --ocio FILE (metadata ocio), or choose another view in Render Properties > Color Management`;
  return [...tooNew, finding('view-missing', message)];
}

/** `true` where only Blender can say: names may be written in several ways, but not without their letters. */
function hasView({ text }: ColorConfig, view: string): boolean {
  return text === undefined || RENAMED_VIEWS.has(view) || text.includes(view) || text.includes('\\');
}

function ocioTooNew({ text, location }: ColorConfig, blender: BlenderVersion): PreflightFinding[] {
  if (text !== undefined || compareBlenderVersions(blender, WITH_OCIO_2_2) >= 0) return [];
  const { major, minor } = blender;
  const message = `OCIO configuration ${location} needs Blender 3.5 or newer, and Blender ${major}.${minor} would render with its own colours; give a .ocio file with --ocio, or render with a newer Blender`;
  return [finding('ocio-too-new', message)];
}
