import type { Sdna, SdnaField, SdnaStruct } from '../blend/sdna';

/**
 * What a pointer from one data block to another means for a rendered frame. Members in no table mean `maybe`: a Blender may
 * have unknown ones.
 */

/** Members that never affect a frame, by struct and member, with the reason. `*` is the whole struct. */
const EXCLUDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ID: {
    newid: 'only set while data is copied',
    orig_id: 'only set while Blender runs',
    lib: 'names where the data block comes from; the placeholder itself represents its library',
  },
  IDOverrideLibrary: { hierarchy_root: 'only groups overrides in the interface' },
  IDOverrideLibraryPropertyOperation: { '*': 'names what an override changes' },
  Scene: {
    clip: 'the active clip is for motion tracking in the interface',
    gpd: 'annotations are not rendered',
    basact: 'the active object',
    collection: 'layers of a format before 2.80',
  },
  ToolSettings: { '*': 'brushes, palettes and other tools of the interface' },
  Paint: { '*': 'brushes, palettes and other tools of the interface' },
  ImagePaintSettings: { '*': 'brushes, palettes and other tools of the interface' },
  ParticleEditSettings: { '*': 'brushes, palettes and other tools of the interface' },
  TexPaintSlot: { '*': 'what texture painting works on' },
  Base: { '*': 'lists the objects of a view layer; its collections decide' },
  Collection: { owner_id: 'leads back to the scene that it is part of' },
  LayerCollection: { '*': 'is looked at with its flags' },
  bNodeTree: { owner_id: 'leads back to the owner of the tree', gpd: 'annotations are not rendered' },
  MovieClip: { gpd: 'annotations are not rendered' },
  ImageUser: { scene: 'only selects the frame' },
  CameraBGImage: { '*': 'background images are for the viewport' },
  bPoseChannel: { custom: 'shapes of bones are for the viewport', custom_tx: 'places such a shape' },
  AnimData: { tmpact: 'only set while tweaking in the interface' },
  Library: { parent: 'who linked it', archive_parent_library: 'where packed data came from' },
};

/** Members that always come into the frame with a rendered data block. */
const SURE: Readonly<Record<string, readonly string[]>> = {
  Scene: ['world', 'camera'],
  Mesh: ['mat', 'key'],
  Curve: ['mat', 'vfont'],
  MetaBall: ['mat'],
  Curves: ['mat'],
  PointCloud: ['mat'],
  Volume: ['mat'],
  bGPdata: ['mat'],
  GreasePencil: ['material_array'],
  ViewLayer: ['mat_override', 'world_override'],
  DisplaceModifierData: ['texture'],
  WaveModifierData: ['texture'],
  WarpModifierData: ['texture'],
  MeshSeqCacheModifierData: ['cache_file'],
  NodesModifierData: ['node_group'],
};

/** Untyped pointers that may lead to a data block, by struct. */
const UNTYPED: Readonly<Record<string, readonly string[]>> = {
  Object: ['data'],
  LinkData: ['data'],
};

/** Codes of data blocks that only the interface uses; these are skipped. */
export const INTERFACE: ReadonlySet<string> = new Set(['SR', 'SN', 'WM', 'WS', 'BR', 'PL', 'PC', 'TX']);

/** Properties that switch something if they are animated. */
export const SWITCHES =
  /hide_render|show_render|mute|material_index|use_nodes|use_sequencer|use_compositing|blend_alpha|instance_|\.use$|^use$|enabled/;

/** Nodes that always pass on their data block. Others may. */
export const NODES_OF_DATA: ReadonlySet<string> = new Set([
  'ShaderNodeTexImage',
  'ShaderNodeTexEnvironment',
  'ShaderNodeGroup',
  'CompositorNodeImage',
  'CompositorNodeMovieClip',
  'CompositorNodeGroup',
  'CompositorNodeRLayers',
  'GeometryNodeGroup',
  'TextureNodeGroup',
  'TextureNodeImage',
]);

/** Outputs of trees; only the active one counts. */
export const OUTPUTS: ReadonlySet<string> = new Set([
  'ShaderNodeOutputMaterial',
  'ShaderNodeOutputWorld',
  'ShaderNodeOutputLight',
  'ShaderNodeOutputLineStyle',
  'TextureNodeOutput',
  'CompositorNodeComposite',
  'NodeGroupOutput',
]);

/** Nodes that may have an effect without a link to an output. */
export const MAYBE_OUTPUTS =
  /OutputAOV|OutputFile|Simulation|Repeat|Foreach|Closure|^(?!Shader|Compositor|Geometry|Texture|Function|Node)/;

/**
 * Types of modifiers (`ModifierType` in `DNA_modifier_types.h`) that keep the material slots of faces: subdivision and others
 * that only move vertices, mirror, edge split, triangulate and data transfer.
 */
export const KEEPS_SLOTS: ReadonlySet<number> = new Set([
  1, 2, 3, 5, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 22, 23, 25, 28, 29, 30, 35, 36, 37, 38, 40, 43, 44, 45, 46,
  47, 49, 50, 51, 53, 54,
]);

/** More than any struct of a real file has. */
const MOST_POINTERS = 1024;
const DEEPEST = 12;

const HIGH_BITS = 0x1fffff;

/** A member that points to a data block. */
export interface IdPointer {
  readonly offset: number;
  /** Its own name, without those of outer structs. */
  readonly member: string;
  readonly isSure: boolean;
}

/** One struct of the file; its pointers to data blocks are found once. */
export class StructLayout {
  readonly name: string;
  readonly bytes: number;
  readonly pointers: readonly IdPointer[];
  readonly isModifier: boolean;
  readonly #sdna: Sdna;
  readonly #struct: SdnaStruct;
  /** By path; offset -1 if the file's Blender lacks the member. */
  readonly #offsets = new Map<string, { readonly offset: number; readonly bytes: number }>();

  constructor(sdna: Sdna, struct: SdnaStruct, isId: (type: string) => boolean) {
    this.name = struct.name;
    this.bytes = struct.bytes;
    this.#sdna = sdna;
    this.#struct = struct;
    this.isModifier = struct.fields.get('modifier')?.type === 'ModifierData';
    const pointers: IdPointer[] = [];
    if (EXCLUDED[struct.name]?.['*'] === undefined) collect(sdna, struct, isId, 0, DEEPEST, pointers);
    this.pointers = pointers;
  }

  has(path: string): boolean {
    return this.#place(path).offset >= 0;
  }

  /** An integer, signed if it has 4 bytes; 0 if the file's Blender lacks the member. */
  number(view: DataView, base: number, path: string): number {
    const { offset, bytes } = this.#place(path);
    const { littleEndian } = this.#sdna.header;
    if (offset < 0) return 0;
    if (bytes === 1) return view.getUint8(base + offset);
    return bytes === 2
      ? view.getInt16(base + offset, littleEndian)
      : bytes === 4
        ? view.getInt32(base + offset, littleEndian)
        : 0;
  }

  float(view: DataView, base: number, path: string): number {
    const { offset, bytes } = this.#place(path);
    return offset < 0 || bytes !== 4 ? 0 : view.getFloat32(base + offset, this.#sdna.header.littleEndian);
  }

  /** See `addressAt`. */
  address(view: DataView, base: number, path: string): number {
    const { offset, bytes } = this.#place(path);
    const { header } = this.#sdna;
    return offset < 0 || bytes < header.pointerBytes ? 0 : addressAt(view, base + offset, header);
  }

  /** A text in the struct, up to its NUL. */
  text(view: DataView, base: number, path: string): string {
    const { offset, bytes } = this.#place(path);
    if (offset < 0) return '';
    const text = Buffer.from(view.buffer, view.byteOffset + base + offset, bytes);
    const end = text.indexOf(0);
    return text.toString('utf8', 0, end < 0 ? bytes : end);
  }

  #place(path: string): { readonly offset: number; readonly bytes: number } {
    const known = this.#offsets.get(path);
    if (known) return known;
    let struct: SdnaStruct | undefined = this.#struct;
    let offset = 0;
    let bytes = 0;
    for (const name of path.split('.')) {
      const field: SdnaField | undefined = struct?.fields.get(name);
      if (!field) {
        struct = undefined;
        offset = -1;
        break;
      }
      offset += field.offset;
      ({ bytes } = field);
      struct = field.isPointer ? undefined : this.#sdna.struct(field.type);
    }
    const place = { offset: offset + bytes > this.bytes ? -1 : offset, bytes };
    this.#offsets.set(path, place);
    return place;
  }
}

/**
 * The low 53 bits of an address, which fit a double exactly. Blender 5 writes 64-bit numbers instead of addresses; with 100,000
 * data blocks, two collide in one of a million files.
 */
export function addressAt(
  view: DataView,
  offset: number,
  { littleEndian, pointerBytes }: Sdna['header'],
): number {
  const first = view.getUint32(offset, littleEndian);
  if (pointerBytes === 4) return first;
  const second = view.getUint32(offset + 4, littleEndian);
  return littleEndian ? first + (second & HIGH_BITS) * 2 ** 32 : second + (first & HIGH_BITS) * 2 ** 32;
}

/** The low 53 bits of a block's address. */
export function keyOf(address: bigint): number {
  const whole = Number(address);
  return whole <= Number.MAX_SAFE_INTEGER ? whole : Number(BigInt.asUintN(53, address));
}

/** The layouts of a file's structs, by the index in block headers, made on request. */
export class StructLayouts {
  readonly #sdna: Sdna;
  readonly #known = new Map<number, StructLayout | undefined>();
  readonly #ids = new Map<string, boolean>();

  constructor(sdna: Sdna) {
    this.#sdna = sdna;
  }

  /** Throws `bad-sdna` for a damaged struct, and `RangeError` for one with absurdly many pointers. */
  at(index: number): StructLayout | undefined {
    if (this.#known.has(index)) return this.#known.get(index);
    const struct = this.#sdna.structAt(index);
    const layout =
      struct && struct.bytes > 0
        ? new StructLayout(this.#sdna, struct, (type) => this.#isId(type))
        : undefined;
    this.#known.set(index, layout);
    return layout;
  }

  #isId(type: string): boolean {
    let isId = this.#ids.get(type);
    if (isId === undefined) {
      const first = type === 'ID' ? undefined : this.#sdna.struct(type)?.fields.get('id');
      isId = type === 'ID' || (first?.type === 'ID' && !first.isPointer && first.offset === 0);
      this.#ids.set(type, isId);
    }
    return isId;
  }
}

function collect(
  sdna: Sdna,
  struct: SdnaStruct,
  isId: (type: string) => boolean,
  base: number,
  depth: number,
  pointers: IdPointer[],
): void {
  const excluded = EXCLUDED[struct.name];
  if (excluded?.['*'] !== undefined || depth === 0) return;
  const { pointerBytes } = sdna.header;
  for (const [member, { type, offset, bytes, isPointer }] of struct.fields) {
    if (excluded?.[member] !== undefined) continue;
    if (isPointer) {
      if (!isId(type) && !UNTYPED[struct.name]?.includes(member)) continue;
      const isSure = SURE[struct.name]?.includes(member) ?? false;
      for (let at = 0; at + pointerBytes <= bytes; at += pointerBytes)
        pointers.push({ offset: base + offset + at, member, isSure });
    } else {
      const inner = type === struct.name ? undefined : sdna.struct(type);
      if (!inner || inner.bytes === 0) continue;
      for (let at = 0; at + inner.bytes <= bytes && pointers.length <= MOST_POINTERS; at += inner.bytes) {
        const before = pointers.length;
        collect(sdna, inner, isId, base + offset + at, depth - 1, pointers);
        // The array has structs without pointers.
        if (pointers.length === before) break;
      }
    }
    if (pointers.length > MOST_POINTERS) throw new RangeError('too many pointers');
  }
}
