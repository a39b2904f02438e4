import type { BlendFacts } from '../blend/scene-facts';
import type { RenderOptions } from '../contract/options';
import { printableName } from '../printable';
import { chosenScene } from '../render/plan';
import { finding, type PreflightFinding } from './findings';

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

/**
 * A view that no Blender has by itself: pure. The worker checks the display and the look as well, exactly. `hasOwnConfig` is
 * whether `OCIO` names a configuration, of which nothing is known here.
 */
export function colorFindings(
  facts: BlendFacts,
  options: RenderOptions,
  hasOwnConfig: boolean,
): PreflightFinding[] {
  const view = chosenScene(facts, options)?.colors?.view ?? '';
  if (hasOwnConfig || OWN_VIEWS.has(view)) return [];
  const message = `view "${printableName(view)}" is missing in Blender's own colour configuration, and Blender would render with another view; on one machine set the variable OCIO to the configuration of the scene, or choose another view in Render Properties > Color Management`;
  return [finding('view-missing', message)];
}
