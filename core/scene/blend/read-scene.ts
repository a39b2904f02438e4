import type { ByteWindow } from './bytes';
import { BlendFormatError, type Block } from './header';
import type { Sdna } from './sdna';
import { IdProperties, StructView } from './struct-view';

/**
 * Names of `Scene.r.im_format.imtype` in Blender's Python interface (`image_settings.file_format`); the numbers are
 * `R_IMF_IMTYPE_*` in Blender's `DNA_scene_types.h`.
 */
const OUTPUT_FORMATS: ReadonlyMap<number, string> = new Map([
  [0, 'TARGA'],
  [1, 'IRIS'],
  [4, 'JPEG'],
  [7, 'IRIZ'],
  [14, 'TARGA_RAW'],
  [15, 'AVI_RAW'],
  [16, 'AVI_JPEG'],
  [17, 'PNG'],
  [20, 'BMP'],
  [21, 'HDR'],
  [22, 'TIFF'],
  [23, 'OPEN_EXR'],
  [24, 'FFMPEG'],
  [26, 'CINEON'],
  [27, 'DPX'],
  [28, 'OPEN_EXR_MULTILAYER'],
  [29, 'DDS'],
  [30, 'JPEG2000'],
  [31, 'H264'],
  [32, 'XVID'],
  [33, 'THEORA'],
  [34, 'PSD'],
  [35, 'WEBP'],
  [36, 'AV1'],
  [37, 'AVIF'],
]);

/** `PNG`, `OPEN_EXR`, `FFMPEG`, …; `UNKNOWN(99)` for a number that no Blender up to 5.0 has. */
function outputFormatName(imageType: number): string {
  return OUTPUT_FORMATS.get(imageType) ?? `UNKNOWN(${imageType})`;
}

/** Names in an OpenColorIO configuration; empty for the default. */
export interface SceneColors {
  readonly display: string;
  /** Blender's view transform. */
  readonly view: string;
  readonly look: string;
}

/** The display, view and look that the scene was saved with; `undefined` for files without them. */
function colorsOf(scene: StructView): SceneColors | undefined {
  const display = scene.text('display_settings.display_device');
  const view = scene.text('view_settings.view_transform');
  if (display === undefined || view === undefined) return undefined;
  return { display, view, look: scene.text('view_settings.look') ?? '' };
}

/**
 * `R_IMF_COLOR_MANAGEMENT_OVERRIDE` of `ImageFormatData.color_management`, from `DNA_scene_types.h`: the output has its own
 * display.
 */
const OWN_DISPLAY = 1;

const USUAL_DISPLAY = 'sRGB';

/** The display of the output if it is not sRGB, and the bits of a channel. */
function displayNameOf(scene: StructView): { readonly display?: string; readonly bitDepth?: number } {
  const place = scene.integer('r.im_format.color_management') === OWN_DISPLAY ? 'r.im_format.' : '';
  const device = scene.text(`${place}display_settings.display_device`);
  if (!device || device === USUAL_DISPLAY) return {};
  const bitDepth = scene.integer('r.im_format.depth');
  return { display: device, bitDepth };
}

/** The settings of a scene, raw as in the file: callers must check for a step of 0 or a base of NaN. */
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
  /** Fractions of width and height, from the lower left; only if the picture is cropped. */
  readonly crop?: {
    readonly xmin: number;
    readonly xmax: number;
    readonly ymin: number;
    readonly ymax: number;
  };
  /** Width and height of a pixel, raw; only if it is not square. */
  readonly pixelAspect?: { readonly x: number; readonly y: number };
  /** The display that frames are saved for, such as `Rec.2100-PQ`; absent for `sRGB`, and if the file names none. */
  readonly display?: string;
  /** Bits of a channel in saved frames, such as 8; given with `display`. */
  readonly bitDepth?: number;
  /** `CYCLES`, `BLENDER_EEVEE`, …, or the name of an add-on's engine. */
  readonly engine: string;
  /** `PNG`, `FFMPEG`, …, `UNKNOWN(99)`. */
  readonly outputFormat: string;
  readonly outputPath: string;
  /** Whether it renders several views, such as the eyes of a stereo film. */
  readonly usesViews?: boolean;
  /** Whether a camera is set; the file may still lack it. */
  readonly hasCamera: boolean;
  /** Whether a camera is bound to a marker. */
  readonly markerCameras: boolean;
  /** Whether markers switch between different cameras. */
  readonly switchesCameras: boolean;
  /** Whether it renders strips of its video sequencer, other than sound, instead of its 3D view. Muted ones count. */
  readonly usesSequencer: boolean;
  /** Whether strips of its video sequencer have sound, even if its pictures are not rendered. */
  readonly hasSoundStrips: boolean;
  /** Whether it has strips that show another scene, whose sound may be heard. */
  readonly hasSceneStrips: boolean;
  /** Whether its pictures go through compositor nodes. */
  readonly usesCompositor: boolean;
  /** Whether Cycles would denoise a view layer of it; the scene's engine is ignored. */
  readonly denoises: boolean;
  /** As saved; a Blender without it in its configuration uses another. Absent in files without colour management. */
  readonly colors?: SceneColors;
  /** Names in Blender's order; up to 2.79, render layers. */
  readonly viewLayers: readonly string[];
}

/** Bits of `Scene.r.mode` and `Scene.r.scemode`, from Blender's `DNA_scene_types.h`. */
const R_BORDER = 1 << 9;
const R_CROP = 1 << 11;
const R_MULTIVIEW = 1 << 21;
const R_DOSEQ = 1 << 0;
const R_DOCOMP = 1 << 6;

/** `Sequence.type`, from `DNA_sequence_types.h`; Blender 2.4x uses the second number for sound. */
const SCENE_STRIP = 2;
const SOUND_STRIPS: readonly number[] = [4, 5];

/** `SEQ_MUTE` of `Sequence.flag`, from `DNA_sequence_types.h`. */
const MUTED_STRIP = 1 << 5;

/** `AUDIO_MUTE` of `Scene.audio.flag`, from `DNA_scene_types.h`: a mixdown of such a scene is silent. */
const MUTED_SCENE = 1 << 0;

/** `VIEW_LAYER_RENDER` of `ViewLayer.flag`, in Blender's `DNA_layer_types.h`. */
const RENDERS_LAYER = 1 << 0;

/** Pointers to custom properties: since 5.0, of add-ons, then of users. The first one wins. */
type PropertyRoots = ReadonlyArray<bigint | undefined>;

/** Their names are kept. Real scenes have some dozens. */
const MAX_VIEW_LAYERS = 4096;

/** Reads a scene from its own block and the blocks that follow it. */
export class SceneReader {
  /** Address of the scene's block, to which `GLOB` points. */
  readonly address: bigint;
  readonly #window: ByteWindow;
  readonly #sdna: Sdna;
  readonly #scene: StructView;
  readonly #markerIndex: number | undefined;
  readonly #stripIndex: number | undefined;
  readonly #layerIndex: number | undefined;
  readonly #propertyIndex: number | undefined;
  readonly #properties = new IdProperties();
  /** Pointers to the properties of each view layer that renders. */
  readonly #layerProperties: PropertyRoots[] = [];
  #markerCamera = 0n;
  #switchesCameras = false;
  #pictureStrips = false;
  #soundStrips = false;
  #sceneStrips = false;
  readonly #viewLayers: string[] = [];

  private constructor(window: ByteWindow, sdna: Sdna, block: Block, scene: StructView) {
    this.address = block.address;
    this.#window = window;
    this.#sdna = sdna;
    this.#scene = scene;
    this.#markerIndex = sdna.indexOf('TimeMarker');
    this.#stripIndex = sdna.indexOf('Sequence') ?? sdna.indexOf('Strip');
    this.#layerIndex = sdna.indexOf('ViewLayer') ?? sdna.indexOf('SceneRenderLayer');
    this.#propertyIndex = sdna.indexOf('IDProperty');
  }

  /** Reads the scene's own block. Throws `bad-block`, `bad-sdna`, `truncated`. */
  static async open(window: ByteWindow, sdna: Sdna, block: Block): Promise<SceneReader> {
    return new SceneReader(window, sdna, block, await StructView.read(window, sdna, block, 'Scene'));
  }

  /** Whether `add` reads this block. It ignores most blocks of a scene. */
  wants({ sdnaIndex }: Block): boolean {
    return (
      sdnaIndex === this.#markerIndex ||
      sdnaIndex === this.#stripIndex ||
      sdnaIndex === this.#layerIndex ||
      sdnaIndex === this.#propertyIndex
    );
  }

  get layerCount(): number {
    return this.#viewLayers.length;
  }

  /** Reads a block `DATA` of the scene. Throws as `open` does, and `too-large`. */
  async add(block: Block): Promise<void> {
    if (block.sdnaIndex === this.#markerIndex) await this.#addMarker(block);
    else if (block.sdnaIndex === this.#stripIndex) await this.#addStrip(block);
    else if (block.sdnaIndex === this.#layerIndex) await this.#addLayer(block);
    else if (block.sdnaIndex === this.#propertyIndex) {
      this.#properties.add(
        block.address,
        await StructView.read(this.#window, this.#sdna, block, 'IDProperty'),
      );
    }
  }

  /** Call it after all blocks are added. Throws `bad-sdna`. */
  facts(): SceneFacts {
    const scene = this.#scene;
    const usesSequencer = this.#pictureStrips && Boolean(scene.pointer('ed')) && hasSceneMode(scene, R_DOSEQ);
    const crop = cropOf(scene, usesSequencer);
    const colors = colorsOf(scene);
    const pixelAspect = pixelAspectOf(scene);
    return {
      // Names of data blocks start with the code of the block.
      name: scene.requiredText('id.name').slice(2),
      frameStart: scene.requiredInteger('r.sfra'),
      frameEnd: scene.requiredInteger('r.efra'),
      frameStep: scene.integer('r.frame_step') ?? 1,
      fps: scene.requiredInteger('r.frs_sec'),
      fpsBase: scene.float('r.frs_sec_base') ?? 1,
      width: scene.requiredInteger('r.xsch'),
      height: scene.requiredInteger('r.ysch'),
      resolutionPercent: scene.requiredInteger('r.size'),
      crop,
      pixelAspect,
      ...displayNameOf(scene),
      // Files of Blender 2.5 and older name no engine.
      engine: scene.text('r.engine') || 'BLENDER_RENDER',
      // New files keep a stale `r.imtype`. One is a char, the other a short.
      outputFormat: outputFormatName(
        (scene.integer('r.im_format.imtype') ?? scene.requiredInteger('r.imtype')) & 0xff,
      ),
      outputPath: scene.requiredText('r.pic'),
      ...(((scene.integer('r.scemode') ?? 0) & R_MULTIVIEW) !== 0 && { usesViews: true }),
      hasCamera: Boolean(scene.pointer('camera')),
      markerCameras: this.#markerCamera !== 0n,
      switchesCameras: this.#switchesCameras,
      usesSequencer,
      hasSoundStrips: this.#soundStrips && !isSilent(scene),
      hasSceneStrips: this.#sceneStrips && !isSilent(scene),
      usesCompositor: hasSceneMode(scene, R_DOCOMP) && hasNodes(scene),
      denoises: this.#denoises(),
      colors,
      viewLayers: this.#viewLayers,
    };
  }

  /** Since 3.0 Cycles denoises unless the scene or all of its view layers disable it; before, only if the scene enables it. */
  #denoises(): boolean {
    const { major } = this.#sdna.header.version;
    const roots = [this.#scene.pointer('id.system_properties'), this.#scene.pointer('id.properties')];
    const isOn = (owner: PropertyRoots) => this.#properties.number(owner, 'cycles', 'use_denoising');
    if (!(isOn(roots) ?? (major >= 3 ? 1 : 0))) return false;
    return this.#layerProperties.length === 0 || this.#layerProperties.some((layer) => isOn(layer) !== 0);
  }

  async #addMarker(block: Block): Promise<void> {
    if (this.#switchesCameras) return;
    const marker = await StructView.read(this.#window, this.#sdna, block, 'TimeMarker');
    const camera = marker.pointer('camera') ?? 0n;
    if (this.#markerCamera === 0n) this.#markerCamera = camera;
    else if (camera !== 0n && camera !== this.#markerCamera) this.#switchesCameras = true;
  }

  /**
   * An empty `Editing` means nothing: Blender's own start-up scene has one. Strips within a meta strip count, as does the meta
   * strip.
   */
  async #addStrip(block: Block): Promise<void> {
    const name = this.#sdna.structAt(block.sdnaIndex)!.name;
    const strip = await StructView.read(this.#window, this.#sdna, block, name);
    const type = strip.requiredInteger('type');
    // An animation may unmute a strip.
    const isHeard = !((strip.integer('flag') ?? 0) & MUTED_STRIP) || Boolean(this.#scene.pointer('adt'));
    if (!SOUND_STRIPS.includes(type)) this.#pictureStrips = true;
    else if (isHeard) this.#soundStrips = true;
    if (type === SCENE_STRIP && isHeard) this.#sceneStrips = true;
  }

  async #addLayer(block: Block): Promise<void> {
    const name = this.#sdna.structAt(block.sdnaIndex)!.name;
    const layer = await StructView.read(this.#window, this.#sdna, block, name);
    this.#viewLayers.push(layer.requiredText('name'));
    if (this.#viewLayers.length > MAX_VIEW_LAYERS) {
      throw new BlendFormatError('too-large', block.offset, 'the scene has too many view layers');
    }
    if (((layer.integer('flag') ?? RENDERS_LAYER) & RENDERS_LAYER) === 0) return;
    this.#layerProperties.push([layer.pointer('system_properties'), layer.pointer('id_properties')]);
  }
}

/** Crops the sequencer's pictures even without the crop option: Blender pastes only the 3D view's into a full frame. */
function cropOf(scene: StructView, usesSequencer: boolean): SceneFacts['crop'] {
  const mode = scene.integer('r.mode') ?? 0;
  if (!(mode & R_BORDER) || (!(mode & R_CROP) && !usesSequencer)) return undefined;
  const xmin = scene.float('r.border.xmin');
  const xmax = scene.float('r.border.xmax');
  const ymin = scene.float('r.border.ymin');
  const ymax = scene.float('r.border.ymax');
  if (xmin === undefined || xmax === undefined || ymin === undefined || ymax === undefined) return undefined;
  return { xmin, xmax, ymin, ymax };
}

/** Blender 2.4x stores integers. */
function pixelAspectOf(scene: StructView): SceneFacts['pixelAspect'] {
  const [x, y] = [scene.number('r.xasp'), scene.number('r.yasp')];
  return x === undefined || y === undefined || x === y ? undefined : { x, y };
}

function isSilent(scene: StructView): boolean {
  return ((scene.integer('audio.flag') ?? 0) & MUTED_SCENE) !== 0;
}

function hasSceneMode(scene: StructView, bit: number): boolean {
  return ((scene.integer('r.scemode') ?? 0) & bit) !== 0;
}

/** Since 5.0 the nodes are a data block that scenes may share; before, they belong to the scene and have a switch. */
function hasNodes(scene: StructView): boolean {
  const shared = scene.pointer('compositing_node_group');
  if (shared !== undefined) return shared !== 0n;
  return scene.integer('use_nodes') !== 0 && Boolean(scene.pointer('nodetree'));
}
