import type { Sdna } from '../../sdna';
import { MAYBE, NONE, OFF, SURE, type Edge } from './data-graph';
import { addressAt } from './struct-layouts';

/** `OBJECT` slots of Blender are at most this many. */
const MOST_SLOTS = 32_767;

/**
 * The material slots of the data block at hand: pointers to materials in one array, and of a mesh the slot of each face in another.
 */
export class SlotUse {
  /** Address of the array of materials. */
  array = 0;
  /** Address of the array of slots of faces. */
  faces = 0;
  /** Whether faces tell their slots in this file's way of writing meshes, or none does and all are in the first. */
  tellsFaces = false;
  slots: number[] = [];
  readonly #used = new Set<number>();
  #isRead = false;

  readMaterials(view: DataView, header: Sdna['header']): void {
    const count = Math.min(Math.floor(view.byteLength / header.pointerBytes), MOST_SLOTS);
    this.slots = Array.from({ length: count }, (_, at) => addressAt(view, at * header.pointerBytes, header));
  }

  /** The slots of faces, each `step` bytes behind the one before. */
  readFaces(view: DataView, first: number, step: number, bytes: 2 | 4, littleEndian: boolean): void {
    this.#isRead = true;
    // Which materials there are is told first.
    if (this.slots.length === 0) return;
    for (let at = first; at + bytes <= view.byteLength; at += step) {
      const slot = bytes === 2 ? view.getInt16(at, littleEndian) : view.getInt32(at, littleEndian);
      this.#used.add(Math.min(Math.max(slot, 0), Math.max(this.slots.length - 1, 0)));
      if (this.#used.size === this.slots.length) return;
    }
  }

  /** Whether it is still to be seen that what was read were the slots of faces. */
  isGuess = false;

  /** What was read were not the slots of faces, which then are unknown. */
  forget(): void {
    this.#isRead = true;
    this.#used.clear();
  }

  /** What leads from a mesh to its materials: surely to those of faces, and to others only where a modifier may use them. */
  edgesOfMesh(): Edge[] {
    const [only] = this.slots;
    if (this.slots.length === 1) return [{ target: only!, base: SURE, extra: NONE }];
    if (!this.#isRead && this.tellsFaces && this.faces === 0) this.#used.add(0);
    const isKnown = this.#used.size > 0 && !this.isGuess;
    return this.slots.map((target, slot) => {
      if (!isKnown) return { target, base: MAYBE, extra: NONE };
      const isUsed = this.#used.has(slot);
      return { target, base: isUsed ? SURE : MAYBE, extra: NONE, ofExtra: !isUsed };
    });
  }

  /** From another data block, whose parts have slots of their own that are not looked at. */
  edgesOfOther(): Edge[] {
    const base = this.slots.length === 1 ? SURE : MAYBE;
    return this.slots.map((target) => ({ target, base, extra: NONE }));
  }

  /** From an object to materials of its own: those that its data's are not taken for. */
  edgesOfObject(bits: Uint8Array | undefined): Edge[] {
    return this.slots.map((target, slot) => {
      const isOwn = bits !== undefined && bits[slot] === 1;
      if (!isOwn) return { target, base: OFF, extra: NONE };
      return { target, base: this.slots.length === 1 ? SURE : MAYBE, extra: NONE };
    });
  }
}
