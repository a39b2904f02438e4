import type { BlendContents } from '../blend/contents/blend-contents';
import type { BlendFacts } from '../blend/scene-facts';
import type { RenderOptions } from '../contract/options';
import { chosenScene } from '../render/plan';
import { finding, type PreflightFinding } from './findings';

/** Both ways out of a Blender without OpenImageDenoise; `off` is where denoising is switched off. */
export const denoiserFix = (off: string): string =>
  `install a Blender from blender.org and name it in SPOTREEL_BLENDER, or ${off}`;

const CYCLES_OFF = 'switch off Render Properties > Sampling > Render > Denoise and save the scene';

type Scene = Readonly<{ facts: BlendFacts; contents: Pick<BlendContents, 'denoiseNodes'> }>;

/** Whether it matters that the Blender that renders has OpenImageDenoise: asking it takes a second. */
export function needsDenoiser({ facts, contents }: Scene, options: RenderOptions): boolean {
  return isDenoised(facts, options) || hasDenoiseNodes({ facts, contents }, options);
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
    ...(isDenoised(scene.facts, options) ? [finding('denoiser-missing', cycles)] : []),
    ...(hasDenoiseNodes(scene, options) ? [finding('denoise-nodes-off', nodes)] : []),
  ];
}

function isDenoised(facts: BlendFacts, options: RenderOptions): boolean {
  const scene = chosenScene(facts, options);
  return (
    scene !== undefined &&
    (options.engine ?? scene.engine) === 'CYCLES' &&
    scene.denoises &&
    !scene.usesSequencer
  );
}

function hasDenoiseNodes({ facts, contents }: Scene, options: RenderOptions): boolean {
  return contents.denoiseNodes.length > 0 && chosenScene(facts, options)?.usesCompositor === true;
}
