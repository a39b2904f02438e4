import type { BlendFacts } from '../blend/scene-facts';
import type { RenderOptions } from '../contract/options';
import { printableName } from '../printable';
import { chosenScene } from '../render/plan';
import { compareBlenderVersions, type BlenderVersion } from '../render/blender-version';
import type { ColorConfig } from './color-config';
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
