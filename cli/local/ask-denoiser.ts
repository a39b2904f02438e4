import { findProgram, hasDenoiser } from '../../container/worker/programs';
import type { SceneExamination } from '../../core/preflight/examine-scene';
import { needsDenoiser } from '../../core/preflight/denoise-findings';
import type { RenderOptions } from '../../core/contract/options';

/** Asks the Blender of this machine, at most once, whether it has OpenImageDenoise; `undefined` if there is no Blender. */
export function denoiserQuestion(environment: NodeJS.ProcessEnv): () => Promise<boolean | undefined> {
  let answer: Promise<boolean | undefined> | undefined;
  return () => (answer ??= askDenoiser(environment));
}

/** The same for one scene: nothing is asked where it does not matter. */
export async function denoiserFor(
  examination: SceneExamination,
  options: RenderOptions,
  environment: NodeJS.ProcessEnv,
): Promise<boolean | undefined> {
  return needsDenoiser(examination, options) ? askDenoiser(environment) : undefined;
}

async function askDenoiser(environment: NodeJS.ProcessEnv): Promise<boolean | undefined> {
  try {
    return await hasDenoiser(findProgram('blender', environment), environment);
  } catch {
    return undefined;
  }
}
