import { bitLength, FseTable } from './fse-table';
import { damaged } from './zstd-damage';

/** Of a code for literals (RFC 8878, section 4.2.1). */
const MAX_BITS = 11;
const MAX_WEIGHTS = 255;

/** The decoding table of a Huffman code (RFC 8878, section 4.2), filled anew for each description. */
export class HuffmanTable {
  /** Bits of the longest code; 0 where none has been read yet. */
  #bits = 0;
  /** By the next `#bits` bits: the symbol, and below it in four bits the length of its code. */
  readonly #entries = new Uint16Array(1 << MAX_BITS);
  readonly #weights = new Uint8Array(MAX_WEIGHTS + 1);
  readonly #weightCodes = new FseTable(6, MAX_BITS + 1);

  /** Forgets what it has. */
  clear(): void {
    this.#bits = 0;
  }

  /** Reads a description (section 4.2.1) at `position`, and tells where it ends. Throws `ZstdDamage`. */
  read(bytes: Uint8Array, position: number, end: number): number {
    if (position >= end) damaged('a Huffman code is cut off');
    const first = bytes[position]!;
    const plain = first - 127;
    const next = position + 1 + (plain > 0 ? (plain + 1) >> 1 : first);
    if (next > end) damaged('a Huffman code is cut off');
    if (plain > 0) {
      for (let index = 0; index < plain; index++) {
        const pair = bytes[position + 1 + (index >> 1)]!;
        this.#weights[index] = index & 1 ? pair & 15 : pair >> 4;
      }
      this.#build(plain);
    } else {
      this.#build(this.#readWeights(bytes, position + 1, next));
    }
    return next;
  }

  /** Two codes in turn, from the end on (section 4.2.1.2). */
  #readWeights(bytes: Uint8Array, position: number, end: number): number {
    const table = this.#weightCodes;
    const stream = bytes.subarray(table.read(bytes, position, end), end);
    let left = bitsIn(stream);
    const take = (count: number): number => {
      left -= count;
      const at = left >> 3;
      return ((stream[at]! | ((stream[at + 1] ?? 0) << 8)) >> (left & 7)) & ((1 << count) - 1);
    };
    if (left < 2 * table.log) damaged('a Huffman code is cut off');
    const states = [take(table.log), take(table.log)];
    for (let count = 0; count < MAX_WEIGHTS;) {
      const turn = count & 1;
      const state = states[turn]!;
      this.#weights[count++] = table.symbols[state]!;
      if (left < table.bits[state]!) {
        if (count === MAX_WEIGHTS) break;
        this.#weights[count++] = table.symbols[states[1 - turn]!]!;
        return count;
      }
      states[turn] = table.bases[state]! + take(table.bits[state]!);
    }
    return damaged('a Huffman code has too many symbols');
  }

  /** The last symbol's weight is what is left. */
  #build(count: number): void {
    const weights = this.#weights;
    let sum = 0;
    for (let index = 0; index < count; index++) {
      if (weights[index]! > MAX_BITS) damaged('a Huffman code is too long');
      sum += (1 << weights[index]!) >> 1;
    }
    const bits = bitLength(sum);
    const rest = (1 << bits) - sum;
    if (sum === 0 || bits > MAX_BITS || (rest & (rest - 1)) !== 0) damaged('a Huffman code does not add up');
    weights[count] = bitLength(rest);

    let entry = 0;
    for (let weight = 1; weight <= bits; weight++) {
      for (let symbol = 0; symbol <= count; symbol++) {
        if (weights[symbol] !== weight) continue;
        const next = entry + (1 << (weight - 1));
        this.#entries.fill((symbol << 4) | (bits + 1 - weight), entry, next);
        entry = next;
      }
    }
    this.#bits = bits;
  }

  /** Fills `out` with what `stream` holds, which is read from its end (section 4.2.2). Throws `ZstdDamage`. */
  decode(stream: Uint8Array, out: Uint8Array): void {
    const bits = this.#bits;
    const entries = this.#entries;
    if (bits === 0) damaged('literals without a Huffman code');
    const mask = (1 << bits) - 1;
    let left = bitsIn(stream);
    let index = 0;
    // Bits behind the end of the stream do not get past the mask.
    for (let low = left - bits; low >= 0 && index < out.length; low = left - bits) {
      const at = low >> 3;
      const word = stream[at]! | (stream[at + 1]! << 8) | (stream[at + 2]! << 16);
      const entry = entries[(word >> (low & 7)) & mask]!;
      out[index++] = entry >> 4;
      left -= entry & 15;
    }
    // Near the stream's start it goes on as if there were zeros before it.
    const word = stream[0]! | ((stream[1] ?? 0) << 8);
    for (; left >= 0 && index < out.length; index++) {
      const entry = entries[(word << (bits - left)) & mask]!;
      out[index] = entry >> 4;
      left -= entry & 15;
    }
    if (left !== 0 || index !== out.length) damaged('literals do not end where they should');
  }
}

/** Of a stream that is read from its end, where a 1 stands above its first bit. Throws `ZstdDamage`. */
export function bitsIn(stream: Uint8Array): number {
  const last = stream.at(-1) ?? 0;
  if (last === 0) damaged('a stream of bits has no end');
  return stream.length * 8 - 9 + bitLength(last);
}
