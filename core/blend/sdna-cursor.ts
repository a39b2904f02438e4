import { BlendFormatError } from './blend-format-error';

/** The indices of names and types have 16 bits. */
const MAX_COUNT = 0x10000;

/** Blender's own have less than 80; they may stand in an error's message. */
const MAX_NAME_LENGTH = 1024;

/** Reads through the data of the block `DNA1`. Every method throws `bad-sdna` where the bytes do not hold. */
export class SdnaCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  readonly #base: number;
  #position = 0;

  /** `base` is where `bytes` stand in the file, for errors. */
  constructor(bytes: Uint8Array, littleEndian: boolean, base: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
    this.#base = base;
  }

  /** Goes on after the four letters of a section, which start at a multiple of four bytes of the data. */
  expect(letters: string): void {
    this.#position = (this.#position + 3) & ~3;
    const found = String.fromCharCode(...this.#bytes.subarray(this.#position, this.#position + 4));
    if (found !== letters) this.#fail(`its section ${letters} is missing`);
    this.#position += 4;
  }

  /** A count of things that take at least `leastBytes` each, checked against the bytes that are there. */
  count(leastBytes: number): number {
    this.#need(4);
    const count = this.#view.getUint32(this.#position, this.#littleEndian);
    this.#position += 4;
    if (count > MAX_COUNT || count * leastBytes > this.#bytes.length - this.#position) {
      this.#fail(`it counts ${count} where there is no room for as many`);
    }
    return count;
  }

  /** `count` texts, each with a NUL behind it. */
  strings(count: number): string[] {
    const { buffer, byteOffset, length } = this.#bytes;
    // All at once, which is many times faster than one by one.
    const rest = Buffer.from(buffer, byteOffset + this.#position, length - this.#position).toString('latin1');
    const strings = rest.split('\0', count + 1);
    if (strings.length <= count) this.#fail('a name has no end');
    strings.length = count;
    if (strings.some((text) => text.length > MAX_NAME_LENGTH)) this.#fail('a name has no end that is near');
    this.#position += strings.reduce((sum, text) => sum + text.length + 1, 0);
    return strings;
  }

  /** `below` is what the value has to be less than. */
  uint16(below = MAX_COUNT): number {
    this.#need(2);
    const value = this.#view.getUint16(this.#position, this.#littleEndian);
    if (value >= below) this.#fail(`the index ${value} is not below ${below}`);
    this.#position += 2;
    return value;
  }

  /** Where it stands, to come back to. */
  get position(): number {
    return this.#position;
  }

  /** Goes over bytes. */
  skip(bytes: number): void {
    this.#need(bytes);
    this.#position += bytes;
  }

  /** Goes to a `position` of before. */
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
