import type { BlendContents } from '../blend/contents/blend-contents';
import type { BlendFacts } from '../blend/scene-facts';
import type { RenderOptions } from '../contract/options';
import { chosenScene } from '../render/plan';
import { finding, type PreflightFinding } from './findings';

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
