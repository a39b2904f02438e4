import type { Block } from '../block-header';
import type { Sdna } from '../sdna';
import { decodeText } from '../struct-view';
import type { Owner } from './contents-part';

/** What artists call them; others go by their code. */
const KINDS: Readonly<Record<string, string>> = {
  AC: 'action',
  BR: 'brush',
  CA: 'camera',
  CF: 'cache file',
  CU: 'curve',
  CV: 'hair curves',
  GD: 'grease pencil',
  GP: 'grease pencil',
  GR: 'collection',
  IM: 'image',
  KE: 'shape key',
  LA: 'light',
  LI: 'library',
  LS: 'line style',
  LT: 'lattice',
  MA: 'material',
  MB: 'metaball',
  MC: 'movie clip',
  ME: 'mesh',
  MS: 'mask',
  NT: 'node group',
  OB: 'object',
  PA: 'particle settings',
  PT: 'point cloud',
  SC: 'scene',
  SK: 'speaker',
  SO: 'sound',
  TE: 'texture',
  TX: 'text',
  VF: 'font',
  VO: 'volume',
  WO: 'world',
};

/** What artists call data blocks with that code: `object` for `OB`. */
export function kindOfCode(code: string): string {
  return Object.hasOwn(KINDS, code) ? KINDS[code]! : code;
}

/** Where a block has the name of the data block that it starts. */
export interface NameRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Tells where the name stands in a block that starts a data block: all of these start with a struct `ID`, which has it.
 * Others, such as `REND`, have no name.
 */
export class OwnerNames {
  readonly #sdna: Sdna;
  readonly #field: NameRange | undefined;
  /** By index of the struct: whether it starts with an `ID`. */
  readonly #named = new Map<number, boolean>();

  constructor(sdna: Sdna) {
    const field = sdna.struct('ID')?.fields.get('name');
    this.#sdna = sdna;
    this.#field =
      field === undefined || field.isPointer ? undefined : { offset: field.offset, length: field.bytes };
  }

  /** The longest that a range is. */
  get maxBytes(): number {
    return this.#field?.length ?? 0;
  }

  rangeIn(block: Block): NameRange | undefined {
    if (this.#field === undefined || block.code.length !== 2 || !this.#isNamed(block.sdnaIndex))
      return undefined;
    const { offset, length } = this.#field;
    const rest = Math.max(block.length - offset, 0);
    return { offset: block.dataOffset + offset, length: Math.min(length, rest) };
  }

  #isNamed(sdnaIndex: number): boolean {
    let isNamed = this.#named.get(sdnaIndex);
    if (isNamed === undefined) {
      const struct = this.#sdna.structAt(sdnaIndex);
      isNamed = struct?.name === 'ID' || struct?.fields.get('id')?.type === 'ID';
      this.#named.set(sdnaIndex, isNamed);
    }
    return isNamed;
  }
}

/** The data block that `block` starts. `name` is as it stands in the file, with the block's code in front; it is read when it is asked for. */
export function ownerOf(block: Pick<Block, 'code' | 'address'>, name?: Uint8Array): Owner {
  return new NamedOwner(block, name);
}

/**
 * Most owners are never asked for their name. A class, since V8 makes a hidden class for each object that is written with
 * getters of its own, which quick collections do not free: with a million of them that is tens of megabytes.
 */
class NamedOwner implements Owner {
  readonly code: string;
  readonly address: bigint;
  readonly #name: Uint8Array | undefined;
  /** One text, however much of the owner's goes by it. */
  #label: string | undefined;

  constructor({ code, address }: Pick<Block, 'code' | 'address'>, name: Uint8Array | undefined) {
    this.code = code;
    this.address = address;
    this.#name = name;
  }

  get name(): string {
    return this.#name === undefined ? '' : decodeText(this.#name).slice(2);
  }

  get label(): string {
    this.#label ??= this.#name === undefined ? 'the file' : `${KINDS[this.code] ?? this.code} "${this.name}"`;
    return this.#label;
  }
}
