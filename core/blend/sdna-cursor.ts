import { BlendFormatError } from './blend-format-error';

/** The indices of names and types have 16 bits. */
const MAX_COUNT = 0x10000;

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

  strings(count: number): string[] {
    const strings: string[] = [];
    for (let index = 0; index < count; index++) {
      const end = this.#bytes.indexOf(0, this.#position);
      if (end < 0) this.#fail('a name has no end');
      strings.push(Buffer.from(this.#bytes.subarray(this.#position, end)).toString('latin1'));
      this.#position = end + 1;
    }
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
