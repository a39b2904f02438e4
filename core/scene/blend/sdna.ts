import { ByteWindow, type DecodedBlend, FRUGAL, ReadBudgetSpent, TAIL_BYTES } from './bytes';
import { BlendFormatError, type BlendHeader, type Block, blockHeaderBytes, parseBlockHeader } from './header';

/** The C declarator of a struct's member. */
interface MemberName {
  readonly name: string;
  readonly isPointer: boolean;
  /** Elements: 1 unless it is an array; the product of its sizes if it has several dimensions. */
  readonly count: number;
}

/** Parses `frame_step`, `*camera`, `**mat`, `name[66]`, `mat[4][4]`, `*mtex[18]` and `(*free)()`. */
export function parseMemberName(declarator: string): MemberName {
  let count = 1;
  for (const [, size] of declarator.matchAll(/\[(\d+)\]/g)) count *= Number(size);
  return {
    name: /\w+/.exec(declarator)?.[0] ?? '',
    isPointer: declarator.startsWith('*') || declarator.startsWith('(*'),
    count,
  };
}

/** Indices of names and types have 16 bits. */
const MAX_COUNT = 0x10000;

/** Blender's names have less than 80 characters; errors may quote them. */
const MAX_NAME_LENGTH = 1024;

/** Reads the data of the block `DNA1`. Every method throws `bad-sdna` for damaged data. */
class SdnaCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  readonly #base: number;
  #position = 0;

  /** `base` is the offset of `bytes` in the file, for errors. */
  constructor(bytes: Uint8Array, littleEndian: boolean, base: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
    this.#base = base;
  }

  /** Moves past the four letters of a section; sections are aligned to four bytes. */
  expect(letters: string): void {
    this.#position = (this.#position + 3) & ~3;
    const found = String.fromCharCode(...this.#bytes.subarray(this.#position, this.#position + 4));
    if (found !== letters) this.#fail(`its section ${letters} is missing`);
    this.#position += 4;
  }

  /** A count of items of at least `leastBytes` each, checked against the bytes that are left. */
  count(leastBytes: number): number {
    this.#need(4);
    const count = this.#view.getUint32(this.#position, this.#littleEndian);
    this.#position += 4;
    if (count > MAX_COUNT || count * leastBytes > this.#bytes.length - this.#position) {
      this.#fail(`it has no room for ${count} entries`);
    }
    return count;
  }

  /** `count` texts, each ending in a NUL. */
  strings(count: number): string[] {
    const { buffer, byteOffset, length } = this.#bytes;
    // Decoding all at once is many times faster than one by one.
    const rest = Buffer.from(buffer, byteOffset + this.#position, length - this.#position).toString('latin1');
    const strings = rest.split('\0', count + 1);
    if (strings.length <= count) this.#fail('a name has no end');
    strings.length = count;
    if (strings.some((text) => text.length > MAX_NAME_LENGTH)) this.#fail('a name is too long');
    this.#position += strings.reduce((sum, text) => sum + text.length + 1, 0);
    return strings;
  }

  /** The value must be less than `below`. */
  uint16(below = MAX_COUNT): number {
    this.#need(2);
    const value = this.#view.getUint16(this.#position, this.#littleEndian);
    if (value >= below) this.#fail(`the index ${value} is not below ${below}`);
    this.#position += 2;
    return value;
  }

  /** For `goTo`. */
  get position(): number {
    return this.#position;
  }

  skip(bytes: number): void {
    this.#need(bytes);
    this.#position += bytes;
  }

  goTo(position: number): void {
    this.#position = position;
  }

  #need(bytes: number): void {
    if (this.#position + bytes > this.#bytes.length) this.#fail('it ends early');
  }

  #fail(reason: string): never {
    const offset = this.#base + Math.min(this.#position, this.#bytes.length);
    throw new BlendFormatError(
      'bad-sdna',
      offset,
      `the description of the file's structs is damaged: ${reason}`,
    );
  }
}

/** One member of a struct, as stored in the file. */
export interface SdnaField {
  /** `int`, `char`, or the name of a struct. */
  readonly type: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  /** Total bytes, arrays included. */
  readonly bytes: number;
  readonly isPointer: boolean;
}

/** A C struct of the Blender that wrote the file. */
export interface SdnaStruct {
  readonly name: string;
  readonly bytes: number;
  /** By bare name: `xsch`, not `xsch[2]` or `*xsch`. */
  readonly fields: ReadonlyMap<string, SdnaField>;
}

/** A member is two indices: of its type and of its name. */
const MEMBER_BYTES = 4;

/** For all requested structs together: some 3,000 in real files. Each takes over a hundred bytes. */
const MAX_FIELDS = 1 << 15;

/** The place of a struct in the data of `DNA1`. */
interface StructPlace {
  /** Index of its name among the types. */
  readonly type: number;
  readonly memberCount: number;
  /** Position of its first member. */
  readonly position: number;
}

/**
 * The structs of the Blender that wrote the file ("structure DNA"). Each file brings its own, so any version can be read.
 * Layout: function `init_structDNA` in Blender's `dna_genfile.cc`.
 */
export class Sdna {
  readonly header: BlendHeader;
  readonly #offset: number;
  readonly #names: readonly string[];
  /** By index, parsed once: a hostile struct may repeat the same long name 65,535 times. */
  readonly #memberNames = new Map<number, MemberName>();
  readonly #types: readonly string[];
  readonly #typeBytes: readonly number[];
  readonly #cursor: SdnaCursor;
  readonly #structs: readonly StructPlace[];
  readonly #byName = new Map<string, number>();
  /** Laid out on request: a file has about a thousand structs, and a dozen are used. */
  readonly #laidOut = new Map<number, SdnaStruct>();
  #fields = 0;

  /**
   * `bytes` are the data of the block `DNA1`, and are copied; `offset` is its place, for errors. Throws `bad-sdna` for invalid
   * counts and indices; those of members are checked on request.
   */
  constructor(bytes: Uint8Array, header: BlendHeader, offset: number) {
    this.header = header;
    this.#offset = offset;
    const cursor = new SdnaCursor(bytes.slice(), header.littleEndian, offset);
    cursor.expect('SDNA');
    cursor.expect('NAME');
    this.#names = cursor.strings(cursor.count(1));
    cursor.expect('TYPE');
    this.#types = cursor.strings(cursor.count(1));
    cursor.expect('TLEN');
    this.#typeBytes = this.#types.map(() => cursor.uint16());
    cursor.expect('STRC');
    const count = cursor.count(4);
    const structs: StructPlace[] = [];
    for (let index = 0; index < count; index++) {
      const type = cursor.uint16(this.#types.length);
      const memberCount = cursor.uint16();
      structs.push({ type, memberCount, position: cursor.position });
      cursor.skip(memberCount * MEMBER_BYTES);
      if (!this.#byName.has(this.#types[type]!)) this.#byName.set(this.#types[type]!, index);
    }
    this.#structs = structs;
    this.#cursor = cursor;
  }

  /** The struct of a block, by the index in its header; `undefined` if it does not exist. Throws `bad-sdna`. */
  structAt(index: number): SdnaStruct | undefined {
    const struct = this.#structs[index];
    if (struct === undefined) return undefined;
    const known = this.#laidOut.get(index);
    if (known) return known;
    const laidOut = this.#layOut(struct);
    this.#laidOut.set(index, laidOut);
    return laidOut;
  }

  struct(name: string): SdnaStruct | undefined {
    const index = this.indexOf(name);
    return index === undefined ? undefined : this.structAt(index);
  }

  /** The index of the struct in block headers; `undefined` if the file's Blender had no such struct. */
  indexOf(name: string): number | undefined {
    return this.#byName.get(name);
  }

  /**
   * Members have no padding in between: Blender pads structs with members of their own. So the sum of all members must be the
   * length of the struct.
   */
  #layOut({ type, memberCount, position }: StructPlace): SdnaStruct {
    const fields = new Map<string, SdnaField>();
    this.#cursor.goTo(position);
    let offset = 0;
    for (let member = 0; member < memberCount; member++) {
      const memberType = this.#cursor.uint16(this.#types.length);
      const { name, isPointer, count } = this.#memberName(this.#cursor.uint16(this.#names.length));
      const bytes = count * (isPointer ? this.header.pointerBytes : this.#typeBytes[memberType]!);
      fields.set(name, { type: this.#types[memberType]!, offset, bytes, isPointer });
      if (this.#fields + fields.size > MAX_FIELDS) {
        throw new BlendFormatError('bad-sdna', this.#offset, 'the structs have too many members');
      }
      offset += bytes;
    }
    this.#fields += fields.size;
    const name = this.#types[type]!;
    const bytes = this.#typeBytes[type]!;
    if (offset !== bytes) {
      const reason = `the members of the struct ${name} take ${offset} bytes, and the struct takes ${bytes}`;
      throw new BlendFormatError('bad-sdna', this.#offset, reason);
    }
    return { name, bytes, fields };
  }

  #memberName(index: number): MemberName {
    const known = this.#memberNames.get(index);
    if (known) return known;
    const parsed = parseMemberName(this.#names[index]!);
    this.#memberNames.set(index, parsed);
    return parsed;
  }
}

/**
 * Calls `visit` for every block header from `offset` on, in file order, until it returns `stop` or after the end block. Skips
 * the blocks' data and keeps nothing. Throws `truncated` without an end block, and `bad-block`.
 */
export async function walkBlocks(
  window: ByteWindow,
  header: BlendHeader,
  offset: number,
  visit: (block: Block) => 'stop' | void,
): Promise<void> {
  const headerBytes = blockHeaderBytes(header);
  for (;;) {
    const bytes = window.peek(offset, headerBytes) ?? (await window.read(offset, headerBytes));
    const block = parseBlockHeader(bytes, header, offset, window.size);
    if (visit(block) === 'stop' || block.code === 'ENDB') return;
    offset = block.dataOffset + block.length;
  }
}

/** Real files have 26 to 135 kB. */
const MAX_SDNA_BYTES = 4 << 20;

/** As many of the smallest blocks as the read budget holds. */
const MAX_BLOCKS = 3_000_000;

/**
 * Finds the structs of the file. A walk over all blocks finds them if these are in memory. Otherwise they are before the end
 * block in the last bytes of all known files. If these bytes are ambiguous, the walk reads the file.
 *
 * Throws `truncated` without an end block, `bad-sdna` if structs are missing or damaged, `bad-block`, and `ReadBudgetSpent` if
 * a walk needs too much.
 */
export async function findSdna(decoded: DecodedBlend, header: BlendHeader): Promise<Sdna> {
  const walk = walkHeld(decoded, header);
  if (walk.ended) return readSdna(decoded, header, walk.dna, walk.offset);
  const found = walk.dna === undefined ? await findInTail(decoded, header) : undefined;
  if (found !== undefined) return found;
  let { dna, offset } = walk;
  let blocks = 0;
  await walkBlocks(new ByteWindow(decoded, FRUGAL), header, offset, (block) => {
    // The first one counts, as in Blender.
    if (block.code === 'DNA1') dna ??= block;
    ({ offset } = block);
    if (++blocks > MAX_BLOCKS) throw new ReadBudgetSpent(`${MAX_BLOCKS} blocks`);
  });
  return readSdna(decoded, header, dna, offset);
}

interface HeldWalk {
  readonly dna: Block | undefined;
  /** Offset of the end block if it was reached, else of the first block that is not in memory. */
  readonly offset: number;
  readonly ended: boolean;
}

/** Walks as far as headers are in memory: in a small file, to its end. */
function walkHeld(decoded: DecodedBlend, header: BlendHeader): HeldWalk {
  const headerBytes = blockHeaderBytes(header);
  let dna: Block | undefined;
  for (let offset = header.length; ;) {
    const bytes = decoded.peek?.(offset, headerBytes);
    if (bytes === undefined) return { dna, offset, ended: false };
    const block = parseBlockHeader(bytes, header, offset, decoded.size);
    if (block.code === 'DNA1') dna ??= block;
    if (block.code === 'ENDB') return { dna, offset, ended: true };
    offset = block.dataOffset + block.length;
  }
}

/** The structs, if exactly one valid description is right before the end block; otherwise `undefined`. */
async function findInTail(decoded: DecodedBlend, header: BlendHeader): Promise<Sdna | undefined> {
  const starts = new Set([decoded.tailOffset, Math.min(decoded.tailOffset, decoded.size - TAIL_BYTES)]);
  for (const start of [...starts].map((offset) => Math.max(offset, header.length))) {
    const tail = await decoded.read(start, decoded.size - start);
    const candidates = candidatesIn(Buffer.from(tail.buffer, tail.byteOffset, tail.length), start, header);
    if (candidates.length > 1) return undefined;
    const [block] = candidates;
    if (block === undefined) continue;
    const from = block.dataOffset - start;
    try {
      return new Sdna(tail.subarray(from, from + block.length), header, block.dataOffset);
    } catch (error) {
      if (error instanceof BlendFormatError) return undefined;
      throw error;
    }
  }
  return undefined;
}

/** At most two: any more make no difference. */
function candidatesIn(tail: Buffer, start: number, header: BlendHeader): Block[] {
  const found: Block[] = [];
  for (let at = tail.indexOf('DNA1'); at >= 0 && found.length < 2; at = tail.indexOf('DNA1', at + 1)) {
    const block = candidateAt(tail, at, start, header);
    if (block !== undefined) found.push(block);
  }
  return found;
}

function candidateAt(tail: Buffer, at: number, start: number, header: BlendHeader): Block | undefined {
  try {
    const bytes = tail.subarray(at, at + blockHeaderBytes(header));
    const block = parseBlockHeader(bytes, header, start + at, start + tail.length);
    const [from, to] = [block.dataOffset - start, block.dataOffset - start + block.length];
    const sound =
      tail.toString('latin1', from, from + 4) === 'SDNA' && tail.toString('latin1', to, to + 4) === 'ENDB';
    return sound ? block : undefined;
  } catch (error) {
    if (error instanceof BlendFormatError) return undefined;
    throw error;
  }
}

/** `end` is the offset of the end block. */
async function readSdna(
  decoded: DecodedBlend,
  header: BlendHeader,
  dna: Block | undefined,
  end: number,
): Promise<Sdna> {
  if (dna === undefined) {
    throw new BlendFormatError('bad-sdna', end, 'the description of its structs is missing');
  }
  if (dna.length > MAX_SDNA_BYTES) {
    const reason = `the description of the file's structs is ${dna.length} bytes long`;
    throw new BlendFormatError('bad-sdna', dna.offset, reason);
  }
  return new Sdna(await decoded.read(dna.dataOffset, dna.length), header, dna.dataOffset);
}
