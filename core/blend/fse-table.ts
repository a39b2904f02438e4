import { damaged } from './zstd-damage';

/**
 * The decoding table of a finite state entropy code (RFC 8878, section 4.1): a state stands for a symbol, and tells how many
 * bits to read and what to add to them for the next one. Filled anew for each description, so that a file of any length takes
 * the memory of one.
 */
export class FseTable {
  /** Bits of the first state. */
  log = 0;
  /** By state. */
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
  readonly #maxLog: number;
  readonly #maxSymbol: number;
  /** By symbol: how many states have it; -1 for one that is rarer than that. */
  readonly #counts: Int16Array;

  constructor(maxLog: number, maxSymbol: number) {
    this.#maxLog = maxLog;
    this.#maxSymbol = maxSymbol;
    this.symbols = new Uint8Array(1 << maxLog);
    this.bits = new Uint8Array(1 << maxLog);
    this.bases = new Uint16Array(1 << maxLog);
    this.#counts = new Int16Array(maxSymbol + 1);
  }

  /** A table as the format has it in advance. */
  static of(log: number, counts: readonly number[]): FseTable {
    const table = new FseTable(log, counts.length - 1);
    table.log = log;
    table.#counts.set(counts);
    table.#build();
    return table;
  }

  /** One symbol, for which no bits are read. Throws `ZstdDamage`. */
  setOnly(symbol: number): void {
    if (symbol > this.#maxSymbol) damaged('an unknown code');
    this.log = 0;
    this.symbols[0] = symbol;
    this.bits[0] = 0;
    this.bases[0] = 0;
  }

  /** Reads a description (section 4.1.1) at `position`, and tells where it ends. Throws `ZstdDamage`. */
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
      // Numbers up to `left + 1`, the lower ones in a bit less.
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
      // Zeros that follow are counted, three at a time.
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
      // From here on: the next of the symbol's states.
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

/** How many bits it takes to write the number. */
export function bitLength(number: number): number {
  return 32 - Math.clz32(number);
}
