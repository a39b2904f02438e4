import type { Block } from '../../block-header';
import type { Sdna } from '../../sdna';
import type { DataGraph } from './data-graph';
import type { BlockTap } from './block-tap';
import { OwnerEdges } from './owner-edges';
import { RawBlocks } from './raw-blocks';
import type { ReachSummary } from './reach-summary';
import { StructReader } from './read-structs';
import { INTERFACE } from './reach-tables';
import { keyOf, StructLayouts, type StructLayout } from './struct-layouts';

/** What blocks have for a struct that hold none but text, numbers or addresses. */
const RAW_DATA = 0;

/** Of one block of structs: more is a file that was made to do harm. */
const MOST_BYTES = 8 << 20;

/** Structs that matter though none of their members points to a data block. */
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
 * Collects the graph of a file's data blocks while the file is walked through, for `ReachSummary`. It gives up where there are more of
 * them than fit the memory, and on files of Blender 2.79 and older.
 */
export class ReachTap implements BlockTap {
  readonly #layouts: StructLayouts;
  readonly #graph: DataGraph;
  readonly #reader: StructReader;
  readonly #summary: ReachSummary;
  #owner: OwnerEdges | undefined;
  #raw: RawBlocks | undefined;
  readonly #sdna: Sdna;

  /** `version` is the major one of the Blender that saved the file. */
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
    // An array of absurd length: the last of it would be missed.
    if (block.length > MOST_BYTES) this.#summary.giveUp();
    return Math.min(block.length, MOST_BYTES);
  }

  /** A struct that does not hold is left to those who need it. */
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
    // Of a hundred thousand objects no name is needed.
    const isNamed = code === 'SC' || this.#summary.wantsNames;
    const name = isLinked ? layout.text(view, 0, 'name') : isNamed ? layout.text(view, 0, 'id.name') : code;
    const index = this.#graph.addBlock(address, isLinked ? `LINKED ${name.slice(0, 2)}` : code);
    const owner = new OwnerEdges(code, name, index, address);
    if (isLinked) this.#summary.addLinked(index, name, layout.address(view, 0, 'lib'), owner);
    else this.#summary.addBlock(index, name);
    this.#summary.owner = owner;
    // Nothing of the interface is looked at.
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
