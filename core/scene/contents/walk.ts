import { type ByteReader, ReadBudgetSpent } from '../blend/bytes';
import { BlendFormatError, type Block, blockHeaderBytes, parseBlockHeader } from '../blend/header';
import type { Sdna, SdnaStruct } from '../blend/sdna';
import { decodeText, StructView } from '../blend/struct-view';
import { type ContentsPart, type Owner, ROOM, type StructPlace } from './collector';
import { Fields } from './frugal-reader';

/** The artist's words; other codes stay as they are. */
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

/** The artist's word for data blocks with that code: `object` for `OB`. */
export function kindOfCode(code: string): string {
  return Object.hasOwn(KINDS, code) ? KINDS[code]! : code;
}

/** The place of a data block's name in its first block. */
export interface NameRange {
  readonly offset: number;
  readonly length: number;
}

/** Locates names: every data block starts with a struct `ID`, which has the name. Other blocks, such as `REND`, have none. */
class OwnerNames {
  readonly #sdna: Sdna;
  readonly #field: NameRange | undefined;
  /** Whether a struct starts with an `ID`, by its index. */
  readonly #named = new Map<number, boolean>();

  constructor(sdna: Sdna) {
    const field = sdna.struct('ID')?.fields.get('name');
    this.#sdna = sdna;
    this.#field =
      field === undefined || field.isPointer ? undefined : { offset: field.offset, length: field.bytes };
  }

  /** The largest `length` of a range. */
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

/** The data block that starts with `block`. `name` is raw, with the code first; it is decoded on request. */
function ownerOf(block: Pick<Block, 'code' | 'address'>, name?: Uint8Array): Owner {
  return new NamedOwner(block, name);
}

/**
 * Decodes names late, since most are never used. A class avoids tens of megabytes: V8 makes a hidden class for each object
 * literal with getters, and a file may have a million owners.
 */
class NamedOwner implements Owner {
  readonly code: string;
  readonly address: bigint;
  readonly #name: Uint8Array | undefined;
  /** One text for everything of the owner. */
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

/** Bytes for a walk, mostly without waiting. */
interface WalkBytes extends ByteReader {
  /** The bytes if they are in memory already. */
  peek(offset: number, length: number): Uint8Array | undefined;
}

/** Sees the raw bytes of blocks before the parts see their structs. */
export interface BlockTap {
  /** Number of bytes of the block's data that it needs, 0 for none. */
  wants(block: Block): number;
  /** The bytes are valid until this returns. */
  take(block: Block, bytes: Uint8Array): void;
  /** Called after the last block of a data block, and after the parts. */
  ownerEnds(): void;
}

/** Struct index of blocks without structs, which hold text or numbers. */
const RAW_DATA = 0;

/** More than any picture sequence has frames; its array of names is the largest block. */
const MAX_STRUCTS_IN_BLOCK = 1 << 16;

/** Limits on structs and blocks: a packed file of a few MB may have far more. Each takes some microseconds. */
export const WALK_LIMITS: WalkLimits = { blocks: 1 << 22, shown: 1 << 20 };

/** Limits of a walk. */
export interface WalkLimits {
  readonly blocks: number;
  /** Structs that parts see. */
  readonly shown: number;
}

/** Paths have at most 1024 bytes in Blender. */
const MAX_TEXT_BYTES = 4096;
const MAX_WANTED_TEXTS = 1024;

type Reader = NonNullable<ContentsPart['structs'][string]>;

/** A struct that parts read. */
interface Shown {
  readonly struct: SdnaStruct;
  readonly readers: readonly Reader[];
}

/**
 * Walks once over all blocks of a file and gives the parts the structs that they read, in file order. Other data is skipped,
 * except names of owners.
 * Throws `truncated` without an end block, `bad-block`, `bad-sdna`, and `ReadBudgetSpent` past `limits`, or once `isFull`
 * returns true.
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
    // The last owner counts even if the walk stops early.
    walk.endOwner();
  }
}

/** The state of a walk: the current owner and the requested texts. */
class ContentsWalk {
  readonly #bytes: WalkBytes;
  readonly #sdna: Sdna;
  readonly #parts: readonly ContentsPart[];
  readonly #isFull: () => boolean;
  readonly #limits: WalkLimits;
  readonly #tap: BlockTap | undefined;
  readonly #shown: ReadonlyMap<number, Shown>;
  readonly #names: OwnerNames;
  /** Buffer for the owner's name, shared by a hundred thousand owners. */
  readonly #nameRoom: Uint8Array;
  #wanted = new Map<bigint, (text: string) => void>();
  #owner = ownerOf({ code: '', address: 0n });
  /** Whether the parts have seen anything of the owner. */
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

  /** Returns a promise only if there is work: most blocks need none. */
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

  /** For names that are not in memory yet. */
  async #fetchOwner(block: Block, shown: Shown | undefined): Promise<void> {
    const { offset, length } = this.#names.rangeIn(block)!;
    this.#owner = ownerOf(block, this.#keepName(await this.#bytes.read(offset, length)));
    if (shown) await this.#show(block, shown);
  }

  #keepName(name: Uint8Array): Uint8Array {
    this.#nameRoom.set(name);
    return this.#nameRoom.subarray(0, name.length);
  }

  /** Synchronous while the bytes are in memory: a file may have a million structs, and promises survive quick collections. */
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

  /** At least one: a shorter block is an error. */
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

/** By the index in block headers. */
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
