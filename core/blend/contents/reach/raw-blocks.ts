import type { Block } from '../../block-header';
import type { Sdna } from '../../sdna';
import type { DataGraph } from './data-graph';
import type { OwnerEdges } from './owner-edges';
import type { At } from './read-structs';
import { SWITCHES } from './reach-tables';
import { keyOf, type StructLayout } from './struct-layouts';

/** Of one mesh: as many faces as no real one has. */
const MOST_BYTES = 64 << 20;
const MOST_NAME_BYTES = 1024;
const MOST_WANTED = 1 << 16;

/** `MPoly`, in `DNA_meshdata_types.h`: its material slot, and the length of all. */
const POLYGON = { slot: 8, bytes: 12 };

type Take = (view: DataView) => void;

/** The blocks of the data block at hand that mean something only by what points to them: arrays of materials, slots of faces, names. */
export class RawBlocks {
  readonly #owner: OwnerEdges;
  readonly #graph: DataGraph;
  readonly #sdna: Sdna;
  readonly #polygons: number | undefined;
  readonly #wanted = new Map<number, { readonly bytes: number; readonly take: Take }>();
  /** Of the attribute with the slots of faces, the struct that tells where they are: it follows them. */
  #slotsAttribute = 0;
  /** The block that follows the name of that attribute. */
  #guess: { readonly bytes: number; address: number } | undefined;
  isFull = false;

  constructor(owner: OwnerEdges, graph: DataGraph, sdna: Sdna) {
    this.#owner = owner;
    this.#graph = graph;
    this.#sdna = sdna;
    this.#polygons = sdna.indexOf('MPoly');
  }

  /** Of a block that is wanted, the bytes that are; 0 for others. */
  bytesOf({ sdnaIndex, address, length }: Block, rawData: number): number {
    if (sdnaIndex === rawData) {
      const wanted = this.#wanted.size === 0 ? undefined : this.#wanted.get(keyOf(address));
      const bytes = wanted?.bytes ?? (this.#guess?.address === 0 ? this.#guess.bytes : 0);
      return Math.min(length, bytes);
    }
    const isWanted = sdnaIndex === this.#polygons && this.#owner.slots.slots.length > 1;
    return isWanted && length <= MOST_BYTES ? length : 0;
  }

  /** Whether the block was one that is wanted. */
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

  /** Of the first struct of a data block, its array of materials. */
  wantSlots(layout: StructLayout, view: DataView): void {
    const { slots } = this.#owner;
    if (slots.array !== 0)
      this.#want(slots.array, MOST_BYTES, (array) => slots.readMaterials(array, this.#sdna.header));
    if (layout.name !== 'Object') return;
    this.#want(layout.address(view, 0, 'matbits'), MOST_NAME_BYTES, (bits) => {
      this.#owner.slotBits = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength).slice();
    });
  }

  /** Whether the struct tells nothing but of such blocks. */
  read({ layout, view, base }: At, address: number): boolean {
    switch (layout.name) {
      case 'FCurve':
        this.#want(layout.address(view, base, 'rna_path'), MOST_NAME_BYTES, (path) => {
          if (SWITCHES.test(textOf(path))) this.#graph.markSwitched();
        });
        // Its driver may point to data blocks, in structs of their own.
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
          this.#guess = { bytes: MOST_BYTES, address: 0 };
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
    this.#want(address, MOST_BYTES, (view) => slots.readFaces(view, 0, 4, 4, this.#sdna.header.littleEndian));
  }

  #want(address: number, bytes: number, take: Take): void {
    if (address === 0) return;
    // What is wanted mostly follows at once.
    if (this.#wanted.size >= MOST_WANTED) this.isFull = true;
    else this.#wanted.set(address, { bytes, take });
  }
}

function textOf(view: DataView): string {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}
