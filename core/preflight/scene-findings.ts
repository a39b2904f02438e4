import type { BlendFacts, SceneFacts } from '../blend/scene-facts';
import type { RenderOptions } from '../contract/options';
import { printableName } from '../printable';
import { chosenScene } from '../render/plan';
import { finding, type PreflightFinding } from './findings';

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
