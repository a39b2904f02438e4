import type { StructView } from '../struct-view';

/**
 * The members of one struct, by any of the names that they have had: the first that this file's Blender knows is
 * taken. What it lacks is empty, 0 or null, as it would be in a file of a Blender that has it and doesn't use it.
 */
export class Fields {
  readonly #view: StructView;
  readonly #littleEndian: boolean;

  constructor(view: StructView, littleEndian: boolean) {
    this.#view = view;
    this.#littleEndian = littleEndian;
  }

  has(path: string): boolean {
    return this.#view.bytes(path) !== undefined;
  }

  text(...paths: readonly string[]): string {
    for (const path of paths) {
      const text = this.#view.text(path);
      if (text !== undefined) return text;
    }
    return '';
  }

  /** The address that it holds, the first of an array. */
  pointer(...paths: readonly string[]): bigint {
    for (const path of paths) {
      const address = this.#view.pointer(path);
      if (address !== undefined) return address;
    }
    return 0n;
  }

  /** A whole number, taken as unsigned: all that are asked for are flags or numbers of kinds. */
  number(...paths: readonly string[]): number {
    for (const path of paths) {
      const bytes = this.#view.bytes(path);
      if (bytes !== undefined) return unsigned(bytes, this.#littleEndian);
    }
    return 0;
  }
}

/** Whatever C calls the type, which changed often for the same bytes: `short`, `uint16_t`, … */
function unsigned(bytes: Uint8Array, littleEndian: boolean): number {
  const ordered = littleEndian ? bytes.toReversed() : bytes;
  return bytes.length > 4 ? 0 : ordered.reduce((value, byte) => value * 256 + byte, 0);
}
