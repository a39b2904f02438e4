import type { Block } from '../blend/header';
import type { Sdna } from '../blend/sdna';
import type { BlockTap } from '../contents/walk';
import { OwnerEdges } from './edges';
import type { DataGraph } from './graph';
import { INTERFACE, keyOf, type StructLayout, StructLayouts, SWITCHES } from './layouts';
import { type At, StructReader } from './structs';
import type { ReachSummary } from './summary';

/** Bytes of faces of one mesh: more than any real one has. */
const MOST_MESH_BYTES = 64 << 20;
const MOST_NAME_BYTES = 1024;
const MOST_WANTED = 1 << 16;

/** `MPoly`, in `DNA_meshdata_types.h`: offset of its material slot, and its size. */
const POLYGON = { slot: 8, bytes: 12 };

type Take = (view: DataView) => void;

/** Blocks of the current data block whose meaning depends on pointers to them: arrays of materials, slots of faces, names. */
class RawBlocks {
  readonly #owner: OwnerEdges;
  readonly #graph: DataGraph;
  readonly #sdna: Sdna;
  readonly #polygons: number | undefined;
  readonly #wanted = new Map<number, { readonly bytes: number; readonly take: Take }>();
  /** Address of the struct that locates the slots of faces; it follows them. */
  #slotsAttribute = 0;
  /** The block after the name of that attribute. */
  #guess: { readonly bytes: number; address: number } | undefined;
  isFull = false;

  constructor(owner: OwnerEdges, graph: DataGraph, sdna: Sdna) {
    this.#owner = owner;
    this.#graph = graph;
    this.#sdna = sdna;
    this.#polygons = sdna.indexOf('MPoly');
  }

  /** Number of bytes needed of a block, 0 for none. */
  bytesOf({ sdnaIndex, address, length }: Block, rawData: number): number {
    if (sdnaIndex === rawData) {
      const wanted = this.#wanted.size === 0 ? undefined : this.#wanted.get(keyOf(address));
      const bytes = wanted?.bytes ?? (this.#guess?.address === 0 ? this.#guess.bytes : 0);
      return Math.min(length, bytes);
    }
    const isWanted = sdnaIndex === this.#polygons && this.#owner.slots.slots.length > 1;
    return isWanted && length <= MOST_MESH_BYTES ? length : 0;
  }

  /** Returns whether the block was needed. */
  take({ sdnaIndex, address }: Block, view: DataView, rawData: number): boolean {
    if (sdnaIndex === this.#polygons) {
      this.#owner.slots.readFaces(view, POLYGON.slot, POLYGON.bytes, 2, this.#sdna.header.littleEndian);
      return true;
    }
    if (sdnaIndex !== rawData) return false;
    const wanted = this.#wanted.get(keyOf(address));
    this.#wanted.delete(keyOf(address));
    if (wanted) wanted.take(view);
    else this.#takeGuess(keyOf(address), view);
    return true;
  }

  /** Requests the array of materials of a data block, given its first struct. */
  wantSlots(layout: StructLayout, view: DataView): void {
    const { slots } = this.#owner;
    if (slots.array !== 0)
      this.#want(slots.array, MOST_MESH_BYTES, (array) => slots.readMaterials(array, this.#sdna.header));
    if (layout.name !== 'Object') return;
    this.#want(layout.address(view, 0, 'matbits'), MOST_NAME_BYTES, (bits) => {
      this.#owner.slotBits = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength).slice();
    });
  }

  /** Returns whether the struct only locates such blocks. */
  read({ layout, view, base }: At, address: number): boolean {
    switch (layout.name) {
      case 'FCurve':
        this.#want(layout.address(view, base, 'rna_path'), MOST_NAME_BYTES, (path) => {
          if (SWITCHES.test(textOf(path))) this.#graph.markSwitched();
        });
        // Structs of its driver may point to data blocks.
        return true;
      case 'CustomDataLayer':
        if (this.#owner.code === 'ME' && layout.text(view, base, 'name') === 'material_index')
          this.#wantFaces(layout.address(view, base, 'data'));
        return true;
      case 'Attribute': {
        if (this.#owner.code !== 'ME') return true;
        const data = layout.address(view, base, 'data');
        this.#want(layout.address(view, base, 'name'), MOST_NAME_BYTES, (name) => {
          if (textOf(name) !== 'material_index') return;
          this.#slotsAttribute = data;
          this.#owner.slots.faces = data;
          this.#guess = { bytes: MOST_MESH_BYTES, address: 0 };
        });
        return true;
      }
      case 'AttributeArray':
      case 'AttributeSingle':
        if (address !== this.#slotsAttribute) return true;
        this.#owner.slots.isGuess = false;
        if (this.#guess?.address !== layout.address(view, base, 'data')) this.#owner.slots.forget();
        return true;
      default:
        return false;
    }
  }

  #takeGuess(address: number, view: DataView): void {
    if (!this.#guess) return;
    this.#guess.address = address;
    this.#owner.slots.isGuess = true;
    this.#owner.slots.readFaces(view, 0, 4, 4, this.#sdna.header.littleEndian);
  }

  #wantFaces(address: number): void {
    const { slots } = this.#owner;
    slots.faces = address;
    if (slots.slots.length < 2) return;
    this.#want(address, MOST_MESH_BYTES, (view) =>
      slots.readFaces(view, 0, 4, 4, this.#sdna.header.littleEndian),
    );
  }

  #want(address: number, bytes: number, take: Take): void {
    if (address === 0) return;
    // Most needed blocks follow at once.
    if (this.#wanted.size >= MOST_WANTED) this.isFull = true;
    else this.#wanted.set(address, { bytes, take });
  }
}

function textOf(view: DataView): string {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** Struct index of blocks without structs, which hold text, numbers or addresses. */
const RAW_DATA = 0;

/** Bytes of one block of structs: only hostile files have more. */
const MOST_STRUCT_BYTES = 8 << 20;

/** Structs that matter although no member points to a data block. */
const WANTED: ReadonlySet<string> = new Set([
  ...['bNode', 'bNodeTree', 'bNodeLink', 'LayerCollection', 'ViewLayer', 'Editing', 'SeqTimelineChannel'],
  ...[
    'Sequence',
    'Strip',
    'FCurve',
    'CustomDataLayer',
    'Attribute',
    'AttributeArray',
    'AttributeSingle',
    'IDProperty',
  ],
]);

/**
 * Collects the graph of a file's data blocks during a walk, for `ReachSummary`. Gives up if they exceed the memory, and on
 * files of Blender 2.79 and older.
 */
export class ReachTap implements BlockTap {
  readonly #layouts: StructLayouts;
  readonly #graph: DataGraph;
  readonly #reader: StructReader;
  readonly #summary: ReachSummary;
  #owner: OwnerEdges | undefined;
  #raw: RawBlocks | undefined;
  readonly #sdna: Sdna;

  /** `version`: major version of the Blender that saved the file. */
  constructor(sdna: Sdna, version: number, summary: ReachSummary) {
    this.#sdna = sdna;
    this.#layouts = new StructLayouts(sdna);
    this.#graph = summary.graph;
    this.#reader = new StructReader(sdna, summary, version);
    this.#summary = summary;
    if (sdna.indexOf('LayerCollection') === undefined) summary.giveUp();
  }

  wants(block: Block): number {
    if (this.#summary.hasGivenUp) return 0;
    if (block.code !== 'DATA') return block.code.length === 2 ? this.#bytesOf(block) : 0;
    if (!this.#owner || !this.#raw) return 0;
    return this.#raw.bytesOf(block, RAW_DATA) || (block.sdnaIndex === RAW_DATA ? 0 : this.#bytesOf(block));
  }

  take(block: Block, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const address = keyOf(block.address);
    if (block.code === 'DATA' && this.#raw?.take(block, view, RAW_DATA)) return;
    const layout = this.#layouts.at(block.sdnaIndex)!;
    if (block.code !== 'DATA') this.#startOwner(block.code, address, layout, view);
    else if (this.#owner) this.#readAll(layout, view, address, this.#owner);
    if (this.#graph.isFull || this.#owner?.isFull || this.#raw?.isFull) this.#summary.giveUp();
  }

  ownerEnds(): void {
    const owner = this.#owner;
    if (!owner || this.#summary.hasGivenUp) return;
    owner.settle(this.#graph);
    this.#summary.ownerEnds(owner);
    this.#owner = undefined;
    this.#raw = undefined;
  }

  #bytesOf(block: Block): number {
    const layout = this.#layoutAt(block.sdnaIndex);
    if (!layout || block.length < layout.bytes) return 0;
    if (block.code !== 'DATA') return layout.bytes;
    if (layout.pointers.length === 0 && !layout.isModifier && !WANTED.has(layout.name)) return 0;
    // The end of such an array would be missed.
    if (block.length > MOST_STRUCT_BYTES) this.#summary.giveUp();
    return Math.min(block.length, MOST_STRUCT_BYTES);
  }

  /** Other readers report a damaged struct. */
  #layoutAt(index: number): StructLayout | undefined {
    try {
      return this.#layouts.at(index);
    } catch {
      this.#summary.giveUp();
      return undefined;
    }
  }

  #startOwner(code: string, address: number, layout: StructLayout, view: DataView): void {
    const isLinked = code === 'ID';
    // Names are decoded only if needed: a file may have a hundred thousand objects.
    const isNamed = code === 'SC' || this.#summary.wantsNames;
    const name = isLinked ? layout.text(view, 0, 'name') : isNamed ? layout.text(view, 0, 'id.name') : code;
    const index = this.#graph.addBlock(address, isLinked ? `LINKED ${name.slice(0, 2)}` : code);
    const owner = new OwnerEdges(code, name, index, address);
    if (isLinked) this.#summary.addLinked(index, name, layout.address(view, 0, 'lib'), owner);
    else this.#summary.addBlock(index, name);
    this.#summary.owner = owner;
    // Data of the interface is skipped.
    this.#owner = INTERFACE.has(code) ? undefined : owner;
    this.#raw = new RawBlocks(owner, this.#graph, this.#sdna);
    if (this.#owner && !isLinked) this.#reader.readOwner({ layout, view, base: 0 }, owner);
    this.#raw.wantSlots(layout, view);
  }

  #readAll(layout: StructLayout, view: DataView, address: number, owner: OwnerEdges): void {
    for (let base = 0; base + layout.bytes <= view.byteLength; base += layout.bytes) {
      const at = { layout, view, base };
      if (!this.#raw!.read(at, address + base)) this.#reader.read(at, address + base, owner);
    }
  }
}
