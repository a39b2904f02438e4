import type { ByteReader } from './decoded-blend';

/** One frame by the seek table. */
export interface SeekEntry {
  /** Where the frame stands in the file. */
  readonly offset: number;
  readonly packedBytes: number;
  /** Where its content stands in the unpacked bytes. */
  readonly start: number;
  readonly bytes: number;
}

/** The frames of a file that unpack to something, in its order, as plain numbers: 65,536 objects would take ten times as much. */
export class SeekTable {
  readonly #packedBytes: number[] = [];
  readonly #offsets: number[] = [];
  /** Where each one's content starts, and, as the last, where that of all ends. */
  readonly #starts: number[] = [0];

  get length(): number {
    return this.#offsets.length;
  }

  /** Bytes that all of it unpacks to. */
  get bytes(): number {
    return this.#starts.at(-1)!;
  }

  add(offset: number, packedBytes: number, bytes: number): void {
    this.#offsets.push(offset);
    this.#packedBytes.push(packedBytes);
    this.#starts.push(this.bytes + bytes);
  }

  /** By an index below `length`. */
  at(index: number): SeekEntry {
    const start = this.#starts[index]!;
    return {
      offset: this.#offsets[index]!,
      packedBytes: this.#packedBytes[index]!,
      start,
      bytes: this.#starts[index + 1]! - start,
    };
  }

  /** The index of the frame that holds the byte at `position`, which is less than `bytes`. */
  indexAt(position: number): number {
    let low = 0;
    let high = this.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const TABLE_MAGIC = 0x184d2a5e;
const FOOTER_MAGIC = 0x8f92eab1;
const FOOTER_BYTES = 9;

/** Where Blender cuts. More is legal, but several of them are held at a time. */
const MAX_FRAME_BYTES = 2 << 20;

/** 128 GiB in frames of 2 MiB; the table itself is held too. */
const MAX_FRAMES = 1 << 16;

/**
 * Reads the seek table with which Blender ≥ 3.0 ends a compressed file: zstd's "seekable format", version 0.1.0.
 * `undefined` where there is none that is consistent with the file; such a file is unpacked from its start, as
 * Blender does. Entries without content are left out.
 */
export async function readSeekTable(source: ByteReader): Promise<SeekTable | undefined> {
  if (source.size < FOOTER_BYTES + 8) return undefined;
  const footer = viewOf(await source.read(source.size - FOOTER_BYTES, FOOTER_BYTES));
  if (footer.byteLength < FOOTER_BYTES || footer.getUint32(5, true) !== FOOTER_MAGIC) return undefined;
  const count = footer.getUint32(0, true);
  const flags = footer.getUint8(4);
  if (flags & 0x7c || count === 0 || count > MAX_FRAMES) return undefined;

  const entryBytes = flags & 0x80 ? 12 : 8;
  const contentBytes = count * entryBytes + FOOTER_BYTES;
  const tableOffset = source.size - contentBytes - 8;
  if (tableOffset < 0) return undefined;
  const table = viewOf(await source.read(tableOffset, contentBytes + 8));
  if (table.byteLength < contentBytes + 8) return undefined;
  if (table.getUint32(0, true) !== TABLE_MAGIC || table.getUint32(4, true) !== contentBytes) return undefined;

  const entries = new SeekTable();
  let offset = 0;
  for (let index = 0; index < count; index++) {
    const packedBytes = table.getUint32(8 + index * entryBytes, true);
    const bytes = table.getUint32(8 + index * entryBytes + 4, true);
    // A frame is at most a little larger than its content, or the encoder would have stored it as it is.
    if (bytes > MAX_FRAME_BYTES || packedBytes > MAX_FRAME_BYTES + (MAX_FRAME_BYTES >> 7)) return undefined;
    if (bytes > 0) entries.add(offset, packedBytes, bytes);
    offset += packedBytes;
  }
  return offset === tableOffset ? entries : undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
