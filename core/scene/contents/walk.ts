import { type ByteReader, ReadBudgetSpent } from '../blend/bytes';
import { BlendFormatError, type Block, blockHeaderBytes, parseBlockHeader } from '../blend/header';
import type { Sdna, SdnaStruct } from '../blend/sdna';
import { decodeText, StructView } from '../blend/struct-view';
import { type ContentsPart, type Owner, ROOM, type StructPlace } from './findings';
import { Fields } from './frugal-reader';

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
class OwnerNames {
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
function ownerOf(block: Pick<Block, 'code' | 'address'>, name?: Uint8Array): Owner {
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

/** Bytes that a walk goes over, for the most part without waiting. */
interface WalkBytes extends ByteReader {
  /** The bytes if they are in memory already. */
  peek(offset: number, length: number): Uint8Array | undefined;
}

/** Is shown the bytes of blocks as they are, before the parts are shown their structs. */
export interface BlockTap {
  /** How many bytes of the block's data it wants, 0 for none. */
  wants(block: Block): number;
  /** The bytes are valid until this returns. */
  take(block: Block, bytes: Uint8Array): void;
  /** The block that was shown last was the last of its data block. Parts have been told before. */
  ownerEnds(): void;
}

/** What blocks have for a struct that hold none but text or numbers, whatever struct comes first in the SDNA. */
const RAW_DATA = 0;

/** More than a sequence of pictures ever has frames; there, an array of names is the largest of all that is read. */
const MAX_STRUCTS_IN_BLOCK = 1 << 16;

/**
 * Structs that are looked at, and blocks that are passed: a packed file of a few MB may have far more. Each takes some
 * microseconds.
 */
export const WALK_LIMITS: WalkLimits = { blocks: 1 << 22, shown: 1 << 20 };

/** How much of a file a walk goes through. */
export interface WalkLimits {
  readonly blocks: number;
  /** Structs that are shown to parts. */
  readonly shown: number;
}

/** Paths take at most 1024 bytes in Blender. */
const MAX_TEXT_BYTES = 4096;
const MAX_WANTED_TEXTS = 1024;

type Reader = NonNullable<ContentsPart['structs'][string]>;

/** What a walk shows its parts of one struct. */
interface Shown {
  readonly struct: SdnaStruct;
  readonly readers: readonly Reader[];
}

/**
 * Goes once over all blocks of a file and shows the parts the structs that they ask for, in the order of the file. Of
 * other blocks the data is skipped, but for names of owners.
 * Throws `truncated` for a file without its end block, `bad-block` and `bad-sdna`, and `ReadBudgetSpent` where there is
 * too much of it, or once `isFull` tells that the parts can't hold more.
 */
export async function walkContents(
  bytes: WalkBytes,
  sdna: Sdna,
  parts: readonly ContentsPart[],
  isFull: () => boolean,
  limits: WalkLimits,
  tap?: BlockTap,
): Promise<void> {
  const walk = new ContentsWalk(bytes, sdna, parts, isFull, limits, tap);
  const { header } = sdna;
  const headerBytes = blockHeaderBytes(header);
  try {
    for (let offset = header.length; ;) {
      const at = bytes.peek(offset, headerBytes) ?? (await bytes.read(offset, headerBytes));
      const block = parseBlockHeader(at, header, offset, bytes.size);
      if (block.code === 'ENDB') return;
      const work = walk.pass(block);
      if (work !== undefined) await work;
      offset = block.dataOffset + block.length;
    }
  } finally {
    // Also where the walk breaks off: what was seen of the last owner is true.
    walk.endOwner();
  }
}

/** The state of a walk: whose blocks these are, and which texts are waited for. */
class ContentsWalk {
  readonly #bytes: WalkBytes;
  readonly #sdna: Sdna;
  readonly #parts: readonly ContentsPart[];
  readonly #isFull: () => boolean;
  readonly #limits: WalkLimits;
  readonly #tap: BlockTap | undefined;
  readonly #shown: ReadonlyMap<number, Shown>;
  readonly #names: OwnerNames;
  /** Where the owner's name stands: of a hundred thousand owners it is the same. */
  readonly #nameRoom: Uint8Array;
  #wanted = new Map<bigint, (text: string) => void>();
  #owner = ownerOf({ code: '', address: 0n });
  /** Whether the parts were shown anything of the owner's. */
  #hasShown = false;
  #blocks = 0;
  #structs = 0;

  constructor(
    bytes: WalkBytes,
    sdna: Sdna,
    parts: readonly ContentsPart[],
    isFull: () => boolean,
    limits: WalkLimits,
    tap: BlockTap | undefined,
  ) {
    this.#tap = tap;
    this.#bytes = bytes;
    this.#isFull = isFull;
    this.#limits = limits;
    this.#sdna = sdna;
    this.#parts = parts;
    this.#shown = shownStructs(sdna, parts);
    this.#names = new OwnerNames(sdna);
    this.#nameRoom = new Uint8Array(this.#names.maxBytes);
  }

  /** A promise only where there is something to be done: most blocks are none of anybody's. */
  pass(block: Block): Promise<void> | undefined {
    this.#blocks += 1;
    if (this.#blocks > this.#limits.blocks) throw new ReadBudgetSpent(`${this.#limits.blocks} blocks`);
    if (block.code !== 'DATA') this.endOwner();
    const tapped = this.#tap?.wants(block) ?? 0;
    if (tapped === 0) return this.#passOn(block);
    const bytes = this.#bytes.peek(block.dataOffset, tapped);
    if (bytes === undefined) return this.#fetchTapped(block, tapped);
    this.#tap?.take(block, bytes);
    return this.#passOn(block);
  }

  async #fetchTapped(block: Block, bytes: number): Promise<void> {
    this.#tap?.take(block, await this.#bytes.read(block.dataOffset, bytes));
    await this.#passOn(block);
  }

  #passOn(block: Block): Promise<void> | undefined {
    const shown = this.#shown.get(block.sdnaIndex);
    if (block.code !== 'DATA') return this.#startOwner(block, shown);
    if (this.#wanted.has(block.address)) return this.#giveText(block);
    return shown && block.sdnaIndex !== RAW_DATA ? this.#show(block, shown) : undefined;
  }

  endOwner(): void {
    if (this.#hasShown) {
      this.#hasShown = false;
      for (const part of this.#parts) part.ownerEnds?.(this.#owner);
      this.#wanted = new Map();
    }
    this.#tap?.ownerEnds();
  }

  #startOwner(block: Block, shown: Shown | undefined): Promise<void> | undefined {
    const range = this.#names.rangeIn(block);
    const name = range && this.#bytes.peek(range.offset, range.length);
    if (range !== undefined && name === undefined) return this.#fetchOwner(block, shown);
    this.#owner = ownerOf(block, name && this.#keepName(name));
    return shown && this.#show(block, shown);
  }

  /** Where the name is not at hand yet. */
  async #fetchOwner(block: Block, shown: Shown | undefined): Promise<void> {
    const { offset, length } = this.#names.rangeIn(block)!;
    this.#owner = ownerOf(block, this.#keepName(await this.#bytes.read(offset, length)));
    if (shown) await this.#show(block, shown);
  }

  #keepName(name: Uint8Array): Uint8Array {
    this.#nameRoom.set(name);
    return this.#nameRoom.subarray(0, name.length);
  }

  /** Without waiting as long as the bytes are at hand: a file may have a million structs, and promises outlive quick collections. */
  #show(block: Block, shown: Shown): Promise<void> | undefined {
    const { bytes, name } = shown.struct;
    const count = this.#countIn(block, shown);
    this.#hasShown = true;
    for (let index = 0; index < count; index++) {
      if (this.#bytes.peek(block.dataOffset + index * bytes, bytes) === undefined)
        return this.#showFrom(index, block, shown);
      this.#showOne(StructView.peekAt(this.#bytes, this.#sdna, block, name, index), index, block, shown);
    }
    return undefined;
  }

  async #showFrom(first: number, block: Block, shown: Shown): Promise<void> {
    const { name } = shown.struct;
    for (let index = first; index < this.#countIn(block, shown); index++) {
      const view = await StructView.readAt(this.#bytes, this.#sdna, block, name, index);
      this.#showOne(view, index, block, shown);
    }
  }

  /** One at least: what is too short for that is an error. */
  #countIn(block: Block, { struct }: Shown): number {
    return Math.max(Math.min(Math.floor(block.length / struct.bytes), MAX_STRUCTS_IN_BLOCK), 1);
  }

  #showOne(view: StructView, index: number, block: Block, { struct, readers }: Shown): void {
    this.#structs += 1;
    if (this.#structs > this.#limits.shown)
      throw new ReadBudgetSpent(`${this.#limits.shown} data structures`);
    if (this.#isFull()) throw new ReadBudgetSpent(`${ROOM.entries} entries in memory`);
    const fields = new Fields(view, this.#sdna.header.littleEndian);
    const place = this.#placeOf(block, block.address + BigInt(index * struct.bytes));
    for (const read of readers) read(fields, place);
  }

  #placeOf(block: Block, address: bigint): StructPlace {
    return {
      owner: this.#owner,
      address,
      blockAddress: block.address,
      wantText: (wanted, take) => {
        if (wanted !== 0n && this.#wanted.size < MAX_WANTED_TEXTS) this.#wanted.set(wanted, take);
      },
    };
  }

  async #giveText(block: Block): Promise<void> {
    const take = this.#wanted.get(block.address);
    this.#wanted.delete(block.address);
    take?.(decodeText(await this.#bytes.read(block.dataOffset, Math.min(block.length, MAX_TEXT_BYTES))));
  }
}

/** By the index that block headers have. */
function shownStructs(sdna: Sdna, parts: readonly ContentsPart[]): Map<number, Shown> {
  const shown = new Map<number, Shown>();
  const names = new Set(parts.flatMap((part) => Object.keys(part.structs)));
  for (const name of names) {
    const index = sdna.indexOf(name);
    const struct = index === undefined ? undefined : sdna.structAt(index);
    if (index === undefined || struct === undefined) continue;
    if (struct.bytes === 0) throw new BlendFormatError('bad-sdna', 0, `the struct ${name} is empty`);
    const readers = parts.flatMap(({ structs }) => structs[name] ?? []);
    shown.set(index, { struct, readers });
  }
  return shown;
}
