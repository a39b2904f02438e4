import { FseTable } from './fse-table';
import { damaged } from './zstd-damage';

/** A table that every decoder has (RFC 8878, section 3.1.1.3.2.2). */
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

/** A table that a block may describe, take in advance, or have as the block before. */
export class SequenceCodes {
  readonly #own: FseTable;
  /** Made when a block first takes it: a program that starts has nothing to unpack yet. */
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
    return this.#current ?? damaged('codes of a block before that has none');
  }

  /** By a block's mode (RFC 8878, section 3.1.1.3.2.1.2). Tells where the description ends. */
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
