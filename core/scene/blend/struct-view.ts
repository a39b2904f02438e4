import type { ByteReader } from './bytes';
import { BlendFormatError, type Block } from './header';
import type { Sdna, SdnaField, SdnaStruct } from './sdna';

/** Blender's `FILE_MAX`: the longest text in a struct. Hostile files may have longer ones. */
const MAX_TEXT_BYTES = 1024;

type Reader = Pick<ByteReader, 'read'>;

/** The data of one block by member names: `frame_step`, or `r.sfra` in a nested struct. */
export class StructView {
  readonly #sdna: Sdna;
  readonly #struct: SdnaStruct;
  readonly #view: DataView;
  readonly #offset: number;

  private constructor(sdna: Sdna, struct: SdnaStruct, bytes: Uint8Array, offset: number) {
    this.#sdna = sdna;
    this.#struct = struct;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offset = offset;
  }

  /** Copies the block's struct. Throws `bad-block` if the block is not a struct `name` or is too short. */
  static async read(reader: Reader, sdna: Sdna, block: Block, name: string): Promise<StructView> {
    const view = await StructView.readAt(reader, sdna, block, name, 0);
    return view.#copy();
  }

  /**
   * Like `read`, for struct `index` of a block that is an array; `sdna.structAt(block.sdnaIndex)` has their size. Valid until
   * the reader's next read. Throws `bad-block` past the end of the block.
   */
  static async readAt(
    reader: Reader,
    sdna: Sdna,
    block: Block,
    name: string,
    index: number,
  ): Promise<StructView> {
    const { struct, offset } = placeOf(sdna, block, name, index);
    return StructView.#over(await reader.read(offset, struct.bytes), sdna, struct, block, offset);
  }

  /** Like `readAt`, for bytes in memory. */
  static peekAt(
    reader: { peek(offset: number, length: number): Uint8Array | undefined },
    sdna: Sdna,
    block: Block,
    name: string,
    index: number,
  ): StructView {
    const { struct, offset } = placeOf(sdna, block, name, index);
    const bytes = reader.peek(offset, struct.bytes) ?? new Uint8Array(0);
    return StructView.#over(bytes, sdna, struct, block, offset);
  }

  static #over(bytes: Uint8Array, sdna: Sdna, struct: SdnaStruct, block: Block, offset: number): StructView {
    if (bytes.length < struct.bytes) {
      throw new BlendFormatError('truncated', offset + bytes.length, `the block ${block.code} ends early`);
    }
    return new StructView(sdna, struct, bytes, offset);
  }

  /** An integer of any C type, the first of an array; `undefined` if the file's Blender had no such member. */
  integer(path: string): number | undefined {
    const field = this.#findValue(path);
    if (field === undefined) return undefined;
    const littleEndian = this.#sdna.header.littleEndian;
    switch (field.type) {
      case 'char':
      case 'uchar':
        return this.#view.getUint8(field.offset);
      case 'int8_t':
        return this.#view.getInt8(field.offset);
      case 'short':
        return this.#view.getInt16(field.offset, littleEndian);
      case 'ushort':
        return this.#view.getUint16(field.offset, littleEndian);
      case 'int':
        return this.#view.getInt32(field.offset, littleEndian);
      default:
        return this.#wrongType(path, field);
    }
  }

  /** Like `integer`, for a member that every version has. Throws `bad-sdna` if it is missing. */
  requiredInteger(path: string): number {
    return this.integer(path) ?? this.#missing(path);
  }

  /** A `float`, as an equal double. */
  float(path: string): number | undefined {
    const field = this.#findValue(path);
    if (field === undefined) return undefined;
    if (field.type !== 'float') return this.#wrongType(path, field);
    return this.#view.getFloat32(field.offset, this.#sdna.header.littleEndian);
  }

  /** A member that is a `float` in some versions and an integer in others. */
  number(path: string): number | undefined {
    return this.#findValue(path)?.type === 'float' ? this.float(path) : this.integer(path);
  }

  /** A `char[n]` up to its NUL, at most 1024 bytes, as UTF-8; invalid bytes become U+FFFD. */
  text(path: string): string | undefined {
    const field = this.#findValue(path);
    if (field === undefined) return undefined;
    if (field.type !== 'char') return this.#wrongType(path, field);
    const start = this.#view.byteOffset + field.offset;
    return decodeText(new Uint8Array(this.#view.buffer, start, Math.min(field.bytes, MAX_TEXT_BYTES)));
  }

  requiredText(path: string): string {
    return this.text(path) ?? this.#missing(path);
  }

  /**
   * The address in a pointer, 0 for null: the `address` of a block. `index` selects from an array; `undefined` past its end.
   * The ends of a `ListBase` are `markers.first` and `markers.last`.
   */
  pointer(path: string, index = 0): bigint | undefined {
    const field = this.#find(path);
    if (field === undefined) return undefined;
    if (!field.isPointer) return this.#wrongType(path, field);
    const { littleEndian, pointerBytes } = this.#sdna.header;
    const start = index * pointerBytes;
    if (start < 0 || start + pointerBytes > field.bytes) return undefined;
    return pointerBytes === 8
      ? this.#view.getBigUint64(field.offset + start, littleEndian)
      : BigInt(this.#view.getUint32(field.offset + start, littleEndian));
  }

  /** The raw bytes of a member of any type, such as an array or a struct; read-only. */
  bytes(path: string): Uint8Array | undefined {
    const field = this.#find(path);
    return field && new Uint8Array(this.#view.buffer, this.#view.byteOffset + field.offset, field.bytes);
  }

  #copy(): StructView {
    const { buffer, byteOffset, byteLength } = this.#view;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength).slice();
    return new StructView(this.#sdna, this.#struct, bytes, this.#offset);
  }

  #find(path: string): SdnaField | undefined {
    let struct: SdnaStruct | undefined = this.#struct;
    let offset = 0;
    let field: SdnaField | undefined;
    for (const name of path.split('.')) {
      if (field !== undefined) struct = field.isPointer ? undefined : this.#sdna.struct(field.type);
      field = struct?.fields.get(name);
      if (field === undefined) return undefined;
      offset += field.offset;
    }
    if (field === undefined || field.bytes === 0) return undefined;
    if (offset + field.bytes > this.#view.byteLength) this.#fail(path, 'reaches past the end of its struct');
    return { ...field, offset };
  }

  /** The member, which must not be a pointer. */
  #findValue(path: string): SdnaField | undefined {
    const field = this.#find(path);
    return field?.isPointer ? this.#wrongType(path, field) : field;
  }

  #wrongType(path: string, field: SdnaField): never {
    return this.#fail(path, `has the unknown type ${field.type}${field.isPointer ? ' *' : ''}`);
  }

  #missing(path: string): never {
    return this.#fail(path, 'is missing');
  }

  #fail(path: string, reason: string): never {
    throw new BlendFormatError(
      'bad-sdna',
      this.#offset,
      `the member ${path} of the struct ${this.#struct.name} ${reason}`,
    );
  }
}

/** The place of a struct in the file. Throws `bad-block` if the block does not hold it. */
function placeOf(
  sdna: Sdna,
  block: Block,
  name: string,
  index: number,
): { struct: SdnaStruct; offset: number } {
  const struct = sdna.structAt(block.sdnaIndex);
  if (struct?.name !== name) {
    const found = struct ? `of the struct ${struct.name}` : `of the unknown struct ${block.sdnaIndex}`;
    throw new BlendFormatError('bad-block', block.offset, `the block ${block.code} is ${found}, not ${name}`);
  }
  const start = index * struct.bytes;
  if (start < 0 || block.length < start + struct.bytes) {
    const reason = `the block ${block.code} is ${block.length} bytes long, too short for a struct ${name} at ${start}`;
    throw new BlendFormatError('bad-block', block.offset, reason);
  }
  return { struct, offset: block.dataOffset + start };
}

/** Bytes up to the first NUL as UTF-8, with U+FFFD for invalid ones. */
export function decodeText({ buffer, byteOffset, length }: Uint8Array): string {
  // `TextDecoder` would allocate a buffer for each non-ASCII text.
  const bytes = Buffer.from(buffer, byteOffset, length);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? length : end);
}

/** Custom properties kept for one scene: add-ons store some hundreds. */
const MAX_PROPERTIES = 4096;

/** More than any group has: a hostile list may link to itself. */
const MAX_STEPS = MAX_PROPERTIES;

/** `IDP_INT`, `IDP_GROUP` and `IDP_BOOLEAN` of `IDProperty.type`, in Blender's `DNA_ID_enums.h` and `DNA_ID.h`. */
const INT = 1;
const GROUP = 6;
const BOOLEAN = 10;

interface Property {
  readonly name: string;
  readonly type: number;
  readonly next: bigint;
  readonly first: bigint;
  readonly value: number;
}

/** The custom properties of a data block. Blender's own add-ons (Cycles) store their settings there. */
export class IdProperties {
  readonly #byAddress = new Map<bigint, Property>();

  /** Keeps a struct `IDProperty` at `address`; drops it if there are too many. */
  add(address: bigint, property: StructView): void {
    if (this.#byAddress.size >= MAX_PROPERTIES) return;
    this.#byAddress.set(address, {
      name: property.text('name') ?? '',
      type: property.integer('type') ?? 0,
      next: property.pointer('next') ?? 0n,
      first: property.pointer('data.group.first') ?? 0n,
      value: property.integer('data.val') ?? 0,
    });
  }

  /**
   * A switch or integer in `group` of the data block, from the first of `roots` that has it; `undefined` if it has its default.
   */
  number(roots: ReadonlyArray<bigint | undefined>, group: string, name: string): number | undefined {
    for (const root of roots) {
      const held = this.#member(root, group);
      const value = held?.type === GROUP ? this.#memberOf(held, name) : undefined;
      if (value && (value.type === INT || value.type === BOOLEAN)) return value.value;
    }
    return undefined;
  }

  #member(root: bigint | undefined, name: string): Property | undefined {
    const properties = root === undefined ? undefined : this.#byAddress.get(root);
    return properties?.type === GROUP ? this.#memberOf(properties, name) : undefined;
  }

  #memberOf({ first }: Property, name: string): Property | undefined {
    let address = first;
    for (let step = 0; step < MAX_STEPS; step++) {
      const property = this.#byAddress.get(address);
      if (property === undefined || property.name === name) return property;
      address = property.next;
    }
    return undefined;
  }
}
