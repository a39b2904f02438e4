import type { Sdna, SdnaField, SdnaStruct } from '../../sdna';
import { EXCLUDED, SURE, UNTYPED } from './reach-tables';

/** More than any struct of a real file has. */
const MOST_POINTERS = 1024;
const DEEPEST = 12;

const HIGH_BITS = 0x1fffff;

/** A member that points to a data block. */
export interface IdPointer {
  readonly offset: number;
  /** By its own name, without those of structs around it. */
  readonly member: string;
  readonly isSure: boolean;
}

/** One struct of the file, with its pointers to data blocks found once. */
export class StructLayout {
  readonly name: string;
  readonly bytes: number;
  readonly pointers: readonly IdPointer[];
  readonly isModifier: boolean;
  readonly #sdna: Sdna;
  readonly #struct: SdnaStruct;
  /** By path; -1 for what the file's Blender lacks. */
  readonly #offsets = new Map<string, { readonly offset: number; readonly bytes: number }>();

  constructor(sdna: Sdna, struct: SdnaStruct, isId: (type: string) => boolean) {
    this.name = struct.name;
    this.bytes = struct.bytes;
    this.#sdna = sdna;
    this.#struct = struct;
    this.isModifier = struct.fields.get('modifier')?.type === 'ModifierData';
    const pointers: IdPointer[] = [];
    if (EXCLUDED[struct.name]?.['*'] === undefined) collect(sdna, struct, isId, 0, DEEPEST, pointers);
    this.pointers = pointers;
  }

  has(path: string): boolean {
    return this.#place(path).offset >= 0;
  }

  /** A whole number, taken as signed where `bytes` is 4. 0 where the file's Blender had no such member. */
  number(view: DataView, base: number, path: string): number {
    const { offset, bytes } = this.#place(path);
    const { littleEndian } = this.#sdna.header;
    if (offset < 0) return 0;
    if (bytes === 1) return view.getUint8(base + offset);
    return bytes === 2
      ? view.getInt16(base + offset, littleEndian)
      : bytes === 4
        ? view.getInt32(base + offset, littleEndian)
        : 0;
  }

  float(view: DataView, base: number, path: string): number {
    const { offset, bytes } = this.#place(path);
    return offset < 0 || bytes !== 4 ? 0 : view.getFloat32(base + offset, this.#sdna.header.littleEndian);
  }

  /** See `addressAt`. */
  address(view: DataView, base: number, path: string): number {
    const { offset, bytes } = this.#place(path);
    const { header } = this.#sdna;
    return offset < 0 || bytes < header.pointerBytes ? 0 : addressAt(view, base + offset, header);
  }

  /** Up to its NUL, of a text that is part of the struct. */
  text(view: DataView, base: number, path: string): string {
    const { offset, bytes } = this.#place(path);
    if (offset < 0) return '';
    const text = Buffer.from(view.buffer, view.byteOffset + base + offset, bytes);
    const end = text.indexOf(0);
    return text.toString('utf8', 0, end < 0 ? bytes : end);
  }

  #place(path: string): { readonly offset: number; readonly bytes: number } {
    const known = this.#offsets.get(path);
    if (known) return known;
    let struct: SdnaStruct | undefined = this.#struct;
    let offset = 0;
    let bytes = 0;
    for (const name of path.split('.')) {
      const field: SdnaField | undefined = struct?.fields.get(name);
      if (!field) {
        struct = undefined;
        offset = -1;
        break;
      }
      offset += field.offset;
      ({ bytes } = field);
      struct = field.isPointer ? undefined : this.#sdna.struct(field.type);
    }
    const place = { offset: offset + bytes > this.bytes ? -1 : offset, bytes };
    this.#offsets.set(path, place);
    return place;
  }
}

/**
 * The low 53 bits of an address, which a double holds exactly. Blender 5 writes 64-bit numbers in place of addresses, of which
 * two of a file with 100,000 data blocks have these bits in common once in a million files.
 */
export function addressAt(
  view: DataView,
  offset: number,
  { littleEndian, pointerBytes }: Sdna['header'],
): number {
  const first = view.getUint32(offset, littleEndian);
  if (pointerBytes === 4) return first;
  const second = view.getUint32(offset + 4, littleEndian);
  return littleEndian ? first + (second & HIGH_BITS) * 2 ** 32 : second + (first & HIGH_BITS) * 2 ** 32;
}

/** The same of a block's address. */
export function keyOf(address: bigint): number {
  const whole = Number(address);
  return whole <= Number.MAX_SAFE_INTEGER ? whole : Number(BigInt.asUintN(53, address));
}

/** The layouts of a file's structs, by the index in block headers, each made when it is asked for. */
export class StructLayouts {
  readonly #sdna: Sdna;
  readonly #known = new Map<number, StructLayout | undefined>();
  readonly #ids = new Map<string, boolean>();

  constructor(sdna: Sdna) {
    this.#sdna = sdna;
  }

  /** Throws `bad-sdna` for a struct that does not hold, and `RangeError` for one with absurdly many pointers. */
  at(index: number): StructLayout | undefined {
    if (this.#known.has(index)) return this.#known.get(index);
    const struct = this.#sdna.structAt(index);
    const layout =
      struct && struct.bytes > 0
        ? new StructLayout(this.#sdna, struct, (type) => this.#isId(type))
        : undefined;
    this.#known.set(index, layout);
    return layout;
  }

  #isId(type: string): boolean {
    let isId = this.#ids.get(type);
    if (isId === undefined) {
      const first = type === 'ID' ? undefined : this.#sdna.struct(type)?.fields.get('id');
      isId = type === 'ID' || (first?.type === 'ID' && !first.isPointer && first.offset === 0);
      this.#ids.set(type, isId);
    }
    return isId;
  }
}

function collect(
  sdna: Sdna,
  struct: SdnaStruct,
  isId: (type: string) => boolean,
  base: number,
  depth: number,
  pointers: IdPointer[],
): void {
  const excluded = EXCLUDED[struct.name];
  if (excluded?.['*'] !== undefined || depth === 0) return;
  const { pointerBytes } = sdna.header;
  for (const [member, { type, offset, bytes, isPointer }] of struct.fields) {
    if (excluded?.[member] !== undefined) continue;
    if (isPointer) {
      if (!isId(type) && !UNTYPED[struct.name]?.includes(member)) continue;
      const isSure = SURE[struct.name]?.includes(member) ?? false;
      for (let at = 0; at + pointerBytes <= bytes; at += pointerBytes)
        pointers.push({ offset: base + offset + at, member, isSure });
    } else {
      const inner = type === struct.name ? undefined : sdna.struct(type);
      if (!inner || inner.bytes === 0) continue;
      for (let at = 0; at + inner.bytes <= bytes && pointers.length <= MOST_POINTERS; at += inner.bytes) {
        const before = pointers.length;
        collect(sdna, inner, isId, base + offset + at, depth - 1, pointers);
        // An array of structs without pointers.
        if (pointers.length === before) break;
      }
    }
    if (pointers.length > MOST_POINTERS) throw new RangeError('too many pointers');
  }
}
