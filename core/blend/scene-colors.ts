import type { StructView } from './struct-view';

/** Names in an OpenColorIO configuration; empty for its default. */
export interface SceneColors {
  readonly display: string;
  /** Blender calls it view transform. */
  readonly view: string;
  readonly look: string;
}

/** The display, view and look that the scene was saved with; nothing for files older than these. */
export function colorsOf(scene: StructView): SceneColors | undefined {
  const display = scene.text('display_settings.display_device');
  const view = scene.text('view_settings.view_transform');
  if (display === undefined || view === undefined) return undefined;
  return { display, view, look: scene.text('view_settings.look') ?? '' };
}

/** `R_IMF_COLOR_MANAGEMENT_OVERRIDE` of `ImageFormatData.color_management`, from `DNA_scene_types.h`: the output has a display of its own. */
const OWN_DISPLAY = 1;

const USUAL_DISPLAY = 'sRGB';

/** The display of the output where it is not sRGB. */
export function displayOf(scene: StructView): { readonly display?: string; readonly bitDepth?: number } {
  const place = scene.integer('r.im_format.color_management') === OWN_DISPLAY ? 'r.im_format.' : '';
  const device = scene.text(`${place}display_settings.display_device`);
  if (!device || device === USUAL_DISPLAY) return {};
  const bitDepth = scene.integer('r.im_format.depth');
  return { display: device, ...(bitDepth !== undefined && { bitDepth }) };
}
