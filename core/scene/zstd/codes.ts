/** Damage in a zstd frame. Callers add the frame's offset and turn it into a `BlendFormatError`. */
export class ZstdDamage extends Error {}

export function damaged(reason: string): never {
  throw new ZstdDamage(reason);
}

/**
 * The decoding table of a finite state entropy code (RFC 8878, section 4.1). Each state has a symbol, the bits to read, and a
 * base to add for the next state. Tables are reused, so that a file of any length takes the memory of one.
 */
class FseTable {
  /** Bits of a state. */
  log = 0;
  /** By state. */
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
  readonly #maxLog: number;
  readonly #maxSymbol: number;
  /** By symbol: its number of states; -1 if it is rarer than one. */
  readonly #counts: Int16Array;

  constructor(maxLog: number, maxSymbol: number) {
    this.#maxLog = maxLog;
    this.#maxSymbol = maxSymbol;
    this.symbols = new Uint8Array(1 << maxLog);
    this.bits = new Uint8Array(1 << maxLog);
    this.bases = new Uint16Array(1 << maxLog);
    this.#counts = new Int16Array(maxSymbol + 1);
  }

  /** A predefined table of the format. */
  static of(log: number, counts: readonly number[]): FseTable {
    const table = new FseTable(log, counts.length - 1);
    table.log = log;
    table.#counts.set(counts);
    table.#build();
    return table;
  }

  /** A table of one symbol, which takes no bits. Throws `ZstdDamage`. */
  setOnly(symbol: number): void {
    if (symbol > this.#maxSymbol) damaged('an unknown code');
    this.log = 0;
    this.symbols[0] = symbol;
    this.bits[0] = 0;
    this.bases[0] = 0;
  }

  /** Reads a table (section 4.1.1) at `position` and returns where it ends. Throws `ZstdDamage`. */
  read(bytes: Uint8Array, position: number, end: number): number {
    let bit = position * 8;
    const peek = (count: number): number => {
      const at = bit >> 3;
      const word = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
      return (word >> (bit & 7)) & ((1 << count) - 1);
    };
    const log = peek(4) + 5;
    bit += 4;
    if (log > this.#maxLog) damaged('a table of codes is too large');
    let left = 1 << log;
    let symbol = 0;
    this.#counts.fill(0);
    while (left > 0) {
      if (symbol > this.#maxSymbol || bit > end * 8) damaged('a table of codes has no end');
      // Numbers up to `left + 1`; the lower ones take one bit less.
      const width = bitLength(left + 1);
      const half = (1 << (width - 1)) - 1;
      const short = 2 * half - left;
      let value = peek(width);
      if ((value & half) < short) {
        value &= half;
        bit += width - 1;
      } else {
        if (value > half) value -= short;
        bit += width;
      }
      const count = value - 1;
      left -= Math.abs(count);
      this.#counts[symbol] = count;
      symbol += 1;
      // Then come counts of zeros, up to three at a time.
      for (let more = count === 0; more;) {
        const zeros = peek(2);
        bit += 2;
        symbol += zeros;
        more = zeros === 3 && symbol <= this.#maxSymbol;
      }
    }
    const next = (bit + 7) >> 3;
    if (next > end) damaged('a table of codes is cut off');
    this.log = log;
    this.#build();
    return next;
  }

  /** Spreads the symbols over the states (section 4.1.1). */
  #build(): void {
    const { symbols, bits, bases, log } = this;
    const counts = this.#counts;
    const size = 1 << log;
    let high = size - 1;
    for (let symbol = 0; symbol < counts.length; symbol++) {
      if (counts[symbol]! < 0) symbols[high--] = symbol;
    }
    const step = (size >> 1) + (size >> 3) + 3;
    let state = 0;
    for (let symbol = 0; symbol < counts.length; symbol++) {
      for (let index = 0; index < counts[symbol]!; index++) {
        symbols[state] = symbol;
        do state = (state + step) & (size - 1);
        while (state > high);
      }
      // From here on, `counts` holds the next state of each symbol.
      counts[symbol] = Math.abs(counts[symbol]!);
    }
    for (state = 0; state < size; state++) {
      const symbol = symbols[state]!;
      const number = counts[symbol]!;
      counts[symbol] = number + 1;
      const width = log + 1 - bitLength(number);
      bits[state] = width;
      bases[state] = (number << width) - size;
    }
  }
}

/** Bits needed to write the number. */
function bitLength(number: number): number {
  return 32 - Math.clz32(number);
}

/** Limits of codes for literals (RFC 8878, section 4.2.1). */
const MAX_BITS = 11;
const MAX_WEIGHTS = 255;

/** The decoding table of a Huffman code (RFC 8878, section 4.2), reused for each description. */
export class HuffmanTable {
  /** Bits of the longest code; 0 before the first read. */
  #bits = 0;
  /** By the next `#bits` bits: the symbol, and the length of its code in the low four bits. */
  readonly #entries = new Uint16Array(1 << MAX_BITS);
  readonly #weights = new Uint8Array(MAX_WEIGHTS + 1);
  readonly #weightCodes = new FseTable(6, MAX_BITS + 1);

  clear(): void {
    this.#bits = 0;
  }

  /** Reads a code (section 4.2.1) at `position` and returns where it ends. Throws `ZstdDamage`. */
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

  /** Two interleaved codes, read from the end (section 4.2.1.2). */
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

  /** The weight of the last symbol follows from the others. */
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

  /** Decodes `stream` into `out`, from its end (section 4.2.2). Throws `ZstdDamage`. */
  decode(stream: Uint8Array, out: Uint8Array): void {
    const bits = this.#bits;
    const entries = this.#entries;
    if (bits === 0) damaged('literals without a Huffman code');
    const mask = (1 << bits) - 1;
    let left = bitsIn(stream);
    let index = 0;
    // The mask removes bits after the end of the stream.
    for (let low = left - bits; low >= 0 && index < out.length; low = left - bits) {
      const at = low >> 3;
      const word = stream[at]! | (stream[at + 1]! << 8) | (stream[at + 2]! << 16);
      const entry = entries[(word >> (low & 7)) & mask]!;
      out[index++] = entry >> 4;
      left -= entry & 15;
    }
    // At the start of the stream, zeros precede it.
    const word = stream[0]! | ((stream[1] ?? 0) << 8);
    for (; left >= 0 && index < out.length; index++) {
      const entry = entries[(word << (bits - left)) & mask]!;
      out[index] = entry >> 4;
      left -= entry & 15;
    }
    if (left !== 0 || index !== out.length) damaged('literals do not end where they should');
  }
}

/** Bits of a stream that is read from its end; a 1 marks the bit above its first. Throws `ZstdDamage`. */
export function bitsIn(stream: Uint8Array): number {
  const last = stream.at(-1) ?? 0;
  if (last === 0) damaged('a stream of bits has no end');
  return stream.length * 8 - 9 + bitLength(last);
}

/** A predefined table (RFC 8878, section 3.1.1.3.2.2). */
interface Preset {
  readonly log: number;
  readonly counts: readonly number[];
}

const LITERALS_DEFAULT: Preset = {
  log: 6,
  counts: [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
    -1, -1,
  ],
};
const MATCH_DEFAULT: Preset = {
  log: 6,
  counts: [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
  ],
};
const OFFSET_DEFAULT: Preset = {
  log: 5,
  counts: [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
};

/** The table of a block: its own, the predefined one, or that of the block before. */
export class SequenceCodes {
  readonly #own: FseTable;
  /** Built on first use, to keep program start fast. */
  #default: FseTable | undefined;
  #current: FseTable | undefined;

  constructor(
    maxLog: number,
    maxSymbol: number,
    private readonly preset: Preset,
  ) {
    this.#own = new FseTable(maxLog, maxSymbol);
  }

  clear(): void {
    this.#current = undefined;
  }

  get table(): FseTable {
    return this.#current ?? damaged('the block before has no codes to repeat');
  }

  /** Selects a table by a block's mode (RFC 8878, section 3.1.1.3.2.1.2). Returns where the description ends. */
  read(mode: number, bytes: Uint8Array, position: number): number {
    if (mode === 0) this.#current = this.#default ??= FseTable.of(this.preset.log, this.preset.counts);
    if (mode === 1 || mode === 2) this.#current = this.#own;
    if (mode === 2) return this.#own.read(bytes, position, bytes.length);
    if (mode !== 1) return position;
    if (position >= bytes.length) damaged('the block ends early');
    this.#own.setOnly(bytes[position]!);
    return position + 1;
  }
}

export const literalsCodes = (): SequenceCodes => new SequenceCodes(9, 35, LITERALS_DEFAULT);
export const offsetCodes = (): SequenceCodes => new SequenceCodes(8, 31, OFFSET_DEFAULT);
export const matchCodes = (): SequenceCodes => new SequenceCodes(9, 52, MATCH_DEFAULT);

/** Extra bits of each length code; the bases below are its least length (RFC 8878, section 3.1.1.3.2.1.1). */
export const LITERALS_BITS = Uint8Array.of(
  ...Array.from({ length: 16 }, () => 0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);
export const MATCH_BITS = Uint8Array.of(
  ...Array.from({ length: 32 }, () => 0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);
export const LITERALS_BASES = basesOf(LITERALS_BITS, 0);
export const MATCH_BASES = basesOf(MATCH_BITS, 3);

function basesOf(bits: Uint8Array, first: number): Uint32Array {
  const bases = new Uint32Array(bits.length);
  let base = first;
  for (const [code, width] of bits.entries()) {
    bases[code] = base;
    base += 2 ** width;
  }
  return bases;
}
