import type { Block } from './block-header';
import type { ByteWindow } from './byte-window';
import { outputFormatName } from './output-format';
import type { Sdna } from './sdna';
import { StructView } from './struct-view';
import { walkBlocks } from './walk-blocks';

/** What a scene is set to, raw as in the file: a step of 0 or a base of NaN is the caller's to judge. */
export interface SceneFacts {
  readonly name: string;
  readonly frameStart: number;
  /** Inclusive. */
  readonly frameEnd: number;
  readonly frameStep: number;
  /** Frames per second are `fps / fpsBase`. */
  readonly fps: number;
  /** A float32: 1.001 is 1.0010000467300415. */
  readonly fpsBase: number;
  /** Pixels, before `resolutionPercent`. */
  readonly width: number;
  readonly height: number;
  readonly resolutionPercent: number;
  /** Fractions of width and height, from the lower left; only where the picture is cropped to them. */
  readonly crop?: {
    readonly xmin: number;
    readonly xmax: number;
    readonly ymin: number;
    readonly ymax: number;
  };
  /** `CYCLES`, `BLENDER_EEVEE`, …, or whatever an add-on calls its own. */
  readonly engine: string;
  /** `PNG`, `FFMPEG`, …, `UNKNOWN(99)`. */
  readonly outputFormat: string;
  readonly outputPath: string;
  /** Whether a camera is set. That the file holds it too is not checked; a script may leave one out. */
  readonly hasCamera: boolean;
  /** Whether a marker switches cameras during the scene. */
  readonly markerCameras: boolean;
  /**
   * Whether it has strips in its video sequencer, other than sound, and renders those instead of its 3D view.
   * Muted ones count.
   */
  readonly usesSequencer: boolean;
}

/** Bits of `Scene.r.mode` and `Scene.r.scemode`, from Blender's `DNA_scene_types.h`. */
const R_BORDER = 1 << 9;
const R_CROP = 1 << 11;
const R_DOSEQ = 1 << 0;

/** `Sequence.type` of sound, from `DNA_sequence_types.h`. */
const SOUND_STRIP = 4;

/** Reads the scene in `block`, and the blocks that belong to it. Throws `bad-block`, `bad-sdna`, `truncated`. */
export async function readScene(window: ByteWindow, sdna: Sdna, block: Block): Promise<SceneFacts> {
  const scene = await StructView.read(window, sdna, block, 'Scene');
  const crop = cropOf(scene);
  const contents = await readContents(window, sdna, block);
  return {
    // Names of data blocks carry the block's code in front.
    name: scene.requiredText('id.name').slice(2),
    frameStart: scene.requiredInteger('r.sfra'),
    frameEnd: scene.requiredInteger('r.efra'),
    frameStep: scene.integer('r.frame_step') ?? 1,
    fps: scene.requiredInteger('r.frs_sec'),
    fpsBase: scene.float('r.frs_sec_base') ?? 1,
    width: scene.requiredInteger('r.xsch'),
    height: scene.requiredInteger('r.ysch'),
    resolutionPercent: scene.requiredInteger('r.size'),
    ...(crop && { crop }),
    engine: scene.text('r.engine') ?? 'BLENDER_RENDER',
    // New files keep a stale `r.imtype`. A char in one, a short in the other.
    outputFormat: outputFormatName(
      (scene.integer('r.im_format.imtype') ?? scene.requiredInteger('r.imtype')) & 0xff,
    ),
    outputPath: scene.requiredText('r.pic'),
    hasCamera: Boolean(scene.pointer('camera')),
    markerCameras: contents.markerCameras,
    usesSequencer:
      contents.pictureStrips &&
      Boolean(scene.pointer('ed')) &&
      ((scene.integer('r.scemode') ?? 0) & R_DOSEQ) !== 0,
  };
}

function cropOf(scene: StructView): SceneFacts['crop'] {
  const mode = scene.integer('r.mode') ?? 0;
  if (!(mode & R_BORDER) || !(mode & R_CROP)) return undefined;
  const xmin = scene.float('r.border.xmin');
  const xmax = scene.float('r.border.xmax');
  const ymin = scene.float('r.border.ymin');
  const ymax = scene.float('r.border.ymax');
  if (xmin === undefined || xmax === undefined || ymin === undefined || ymax === undefined) return undefined;
  return { xmin, xmax, ymin, ymax };
}

interface SceneContents {
  readonly markerCameras: boolean;
  /** Anything but sound. */
  readonly pictureStrips: boolean;
}

/**
 * Looks through the `DATA` blocks between the scene and the next block with a code of its own. An empty `Editing` tells
 * nothing: Blender's own start-up scene has one. Strips within a meta strip are seen too, but so is the meta strip.
 */
async function readContents(window: ByteWindow, sdna: Sdna, scene: Block): Promise<SceneContents> {
  const markerIndex = sdna.indexOf('TimeMarker');
  const stripIndex = sdna.indexOf('Sequence') ?? sdna.indexOf('Strip');
  let markerCameras = false;
  let pictureStrips = false;
  for (let offset = scene.dataOffset + scene.length; ;) {
    const block = await findData(window, sdna, offset, [markerIndex, stripIndex]);
    if (block === undefined) return { markerCameras, pictureStrips };
    if (block.sdnaIndex === markerIndex && !markerCameras) {
      const marker = await StructView.read(window, sdna, block, 'TimeMarker');
      markerCameras = Boolean(marker.pointer('camera'));
    } else if (block.sdnaIndex === stripIndex && !pictureStrips) {
      const strip = await StructView.read(window, sdna, block, sdna.structAt(stripIndex)!.name);
      pictureStrips = strip.requiredInteger('type') !== SOUND_STRIP;
    }
    offset = block.dataOffset + block.length;
  }
}

/** The next `DATA` block of one of these structs, before any block with another code. */
async function findData(
  window: ByteWindow,
  sdna: Sdna,
  offset: number,
  sdnaIndices: readonly (number | undefined)[],
): Promise<Block | undefined> {
  let found: Block | undefined;
  await walkBlocks(window, sdna.header, offset, (block) => {
    if (block.code !== 'DATA') return 'stop';
    if (!sdnaIndices.includes(block.sdnaIndex)) return undefined;
    found = block;
    return 'stop';
  });
  return found;
}
