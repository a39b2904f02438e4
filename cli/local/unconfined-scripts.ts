import { whyNoSandbox } from '../../container/worker/sandbox';
import type { Finding } from '../../core/contract/finding';
import type { RenderOptions } from '../../core/contract/options';
import { finding } from '../../core/preflight/findings';

/** A warning where scripts run on this machine without a sandbox. */
export function unconfinedScripts(
  { allowScripts }: RenderOptions,
  environment: NodeJS.ProcessEnv,
): Finding[] {
  const why = allowScripts ? whyNoSandbox(environment) : undefined;
  if (why === undefined) return [];
  const message = `scripts of this scene run with all your rights, and can delete and send your files (${why}): leave out --allow-scripts unless you trust the scene as you trust yourself`;
  return [finding('scripts-unconfined', message)];
}
