import { BlendFormatError } from './blend-format-error';
import type { BlendHeader } from './blend-header';
import { parseMemberName, type MemberName } from './member-name';
import { SdnaCursor } from './sdna-cursor';

/** One member of a struct, as it lies in the file. */
export interface SdnaField {
  /** `int`, `char`, or the name of a struct. */
  readonly type: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  /** Bytes in all, arrays included. */
  readonly bytes: number;
  readonly isPointer: boolean;
}

/** A C struct of the Blender that wrote the file. */
export interface SdnaStruct {
  readonly name: string;
  readonly bytes: number;
  /** By name alone: `xsch`, not `xsch[2]` or `*xsch`. */
  readonly fields: ReadonlyMap<string, SdnaField>;
}

/** Two indices, of its type and its name. */
const MEMBER_BYTES = 4;

/** Of all structs that are asked for together; in real files these have some 3,000. Each takes a hundred bytes and more. */
const MAX_FIELDS = 1 << 15;

/** Where a struct stands in the data of `DNA1`. */
interface StructPlace {
  /** Index of its name among the types. */
  readonly type: number;
  readonly memberCount: number;
  /** Of its first member. */
  readonly position: number;
}

/**
 * The structs of the Blender that wrote the file ("structure DNA"): each file brings its own, which is why any version
 * can be read without knowing it. Layout: Blender's `dna_genfile.cc`, function `init_structDNA`.
 */
export class Sdna {
  readonly header: BlendHeader;
  readonly #offset: number;
  readonly #names: readonly string[];
  /** By index, taken apart once: a hostile struct may have the same endless name 65,535 times. */
  readonly #memberNames = new Map<number, MemberName>();
  readonly #types: readonly string[];
  readonly #typeBytes: readonly number[];
  readonly #cursor: SdnaCursor;
  readonly #structs: readonly StructPlace[];
  readonly #byName = new Map<string, number>();
  /** Taken apart when asked for: a file has about a thousand structs, of which a dozen are of use. */
  readonly #laidOut = new Map<number, SdnaStruct>();
  #fields = 0;

  /**
   * `bytes` are the data of the block `DNA1`, which stands at `offset`, for errors. They are copied.
   * Throws `bad-sdna` for counts and indices that do not hold; for those of a struct's members once it is asked for.
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

  /** The struct of a block, by the index in its header; `undefined` where there is none of that index. */
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

  /** What block headers call that struct; `undefined` where the file's Blender had none of that name. */
  indexOf(name: string): number | undefined {
    return this.#byName.get(name);
  }

  /**
   * Members follow each other without padding: Blender pads its structs by hand, with members of their own, so that
   * their sum has to be the struct's length.
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
      const reason = `the members of the struct ${name} take ${offset} bytes and the struct ${bytes}`;
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
