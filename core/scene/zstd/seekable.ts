import { type ByteReader, ByteWindow, type DecodedBlend, FRUGAL } from '../blend/bytes';
import { BlendFormatError } from '../blend/header';
import {
  brokenPromise,
  MAX_ZSTD_HEADER_BYTES,
  parseZstdBlock,
  parseZstdFrameHeader,
  unpackNatively,
  UNPACKS_NATIVELY,
  ZSTD_BLOCK_HEADER_BYTES,
  ZstdDecoder,
  type ZstdFrameHeader,
} from './decoder';

/** One frame in the seek table. */
interface SeekEntry {
  /** Offset of the frame in the file. */
  readonly offset: number;
  readonly packedBytes: number;
  /** Offset of its content in the unpacked bytes. */
  readonly start: number;
  readonly bytes: number;
}

/** The non-empty frames of a file, in order, as plain numbers: 65,536 objects would take ten times the memory. */
class SeekTable {
  readonly #packedBytes: number[] = [];
  readonly #offsets: number[] = [];
  /** Where the content of each starts, and at last, where all content ends. */
  readonly #starts: number[] = [0];

  get length(): number {
    return this.#offsets.length;
  }

  /** Unpacked bytes of all frames. */
  get bytes(): number {
    return this.#starts.at(-1)!;
  }

  add(offset: number, packedBytes: number, bytes: number): void {
    this.#offsets.push(offset);
    this.#packedBytes.push(packedBytes);
    this.#starts.push(this.bytes + bytes);
  }

  /** `index` must be below `length`. */
  at(index: number): SeekEntry {
    const start = this.#starts[index]!;
    return {
      offset: this.#offsets[index]!,
      packedBytes: this.#packedBytes[index]!,
      start,
      bytes: this.#starts[index + 1]! - start,
    };
  }

  /** The index of the frame that holds the byte at `position`, which must be below `bytes`. */
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

/** Blender's frame size. More is legal, but several frames are kept at a time. */
const MAX_FRAME_BYTES = 2 << 20;

/** 128 GiB in frames of 2 MiB; the table is kept in memory. */
const MAX_FRAMES = 1 << 16;

/**
 * Reads the seek table at the end of a file that Blender ≥ 3.0 compressed: zstd's "seekable format", version 0.1.0. Empty
 * entries are left out. `undefined` if there is no consistent table; such a file is unpacked from its start, as in Blender.
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
    // A frame is at most slightly larger than its content: the encoder would store it uncompressed.
    if (bytes > MAX_FRAME_BYTES || packedBytes > MAX_FRAME_BYTES + (MAX_FRAME_BYTES >> 7)) return undefined;
    if (bytes > 0) entries.add(offset, packedBytes, bytes);
    offset += packedBytes;
  }
  return offset === tableOffset ? entries : undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One frame of a zstd file, unpacked as far as it is read. */
class SeekableFrame {
  readonly #entry: SeekEntry;
  readonly #decoder: ZstdDecoder;
  readonly #packed: Uint8Array;
  readonly #content: Uint8Array;
  /** Progress in packed and in unpacked bytes. */
  #packedDone: number;
  #done = 0;
  #whole = false;

  /**
   * `packed` are the frame's bytes, `header` comes from `checkFrame`, and `content` has space for the unpacked bytes. The frame
   * owns these and `decoder` while it is read.
   */
  constructor(
    entry: SeekEntry,
    header: ZstdFrameHeader,
    packed: Uint8Array,
    content: Uint8Array,
    decoder: ZstdDecoder,
  ) {
    this.#entry = entry;
    this.#packed = packed;
    this.#content = content;
    this.#decoder = decoder;
    this.#packedDone = header.bytes;
    decoder.begin(header, entry.offset);
  }

  /** The unpacked bytes from `start` to `end`, which must be within the frame. Throws `bad-zstd`. */
  read(start: number, end: number): Uint8Array {
    while (!this.#whole && this.#done < end) this.#unpackBlock();
    // Later bytes are checked when they are read.
    const { bytes, offset } = this.#entry;
    if (this.#done < end || (this.#whole && this.#done !== bytes)) throw brokenPromise(bytes, offset);
    return this.#content.subarray(start, end);
  }

  #unpackBlock(): void {
    const from = this.#packedDone;
    const block = parseZstdBlock(this.#packed.subarray(from), this.#entry.offset + from);
    this.#packedDone = from + block.bytes;
    const packed = this.#packed.subarray(from, this.#packedDone);
    this.#done = this.#decoder.decode(packed, this.#content, 0, this.#done);
    this.#whole = block.last;
  }
}

/** The header of a frame. Throws `bad-zstd` unless the bytes are exactly one frame. */
function checkFrame(packed: Uint8Array, { offset, packedBytes }: SeekEntry): ZstdFrameHeader {
  let cause: unknown;
  try {
    const header = parseZstdFrameHeader(packed.subarray(0, MAX_ZSTD_HEADER_BYTES), offset);
    if (header && !header.skippable && frameBytes(packed, header, offset) === packedBytes) return header;
  } catch (error) {
    cause = error;
  }
  const reason = 'the seek table points to something other than a zstd frame';
  throw new BlendFormatError('bad-zstd', offset, reason, { cause });
}

/** The length of the frame by its blocks' headers. */
function frameBytes(packed: Uint8Array, header: ZstdFrameHeader, offset: number): number {
  let end = header.bytes;
  for (let last = false; !last;) {
    const block = parseZstdBlock(packed.subarray(end, end + ZSTD_BLOCK_HEADER_BYTES), offset + end);
    end += block.bytes;
    last = block.last;
  }
  return end + header.checksumBytes;
}

/** Two of Blender's own frames, packed and unpacked. */
const ROOM_BYTES = 8 << 20;

/** Each has a decoder of some 10 kB. */
const MAX_OPEN_FRAMES = 32;

/** Returns unpacked bytes of a frame from `start` to `end`. Throws `bad-zstd`. */
type UnpackFrame = (start: number, end: number) => Uint8Array;

interface Cached {
  /** Index in the table. */
  readonly index: number;
  readonly read: UnpackFrame;
  readonly decoder: ZstdDecoder;
  /** Its place in the buffer. */
  readonly from: number;
  readonly to: number;
}

/**
 * The last few frames of a zstd file, each as its packed and then its unpacked bytes. They share one ring buffer, so a walk
 * through a large file takes no more memory than through a small one.
 */
class FrameCache {
  readonly #room: Uint8Array;
  #end = 0;
  /** Oldest first. */
  readonly #frames: Cached[] = [];
  readonly #idle: ZstdDecoder[] = [];

  /** `fileBytes`: of the whole file, packed and unpacked together. */
  constructor(fileBytes: number) {
    this.#room = new Uint8Array(Math.min(fileBytes, ROOM_BYTES));
  }

  get(index: number): UnpackFrame | undefined {
    return this.#frames.find((cached) => cached.index === index)?.read;
  }

  /**
   * Copies the packed bytes and drops the oldest frames, whose bytes become invalid. Throws `bad-zstd` if the bytes are not
   * that frame.
   */
  add(index: number, entry: SeekEntry, packed: Uint8Array): UnpackFrame {
    const header = checkFrame(packed, entry);
    const from = this.#makeRoom(packed.length + entry.bytes);
    const middle = from + packed.length;
    const to = middle + entry.bytes;
    this.#room.set(packed, from);
    const content = this.#room.subarray(middle, to);
    const decoder = this.#idle.pop() ?? new ZstdDecoder();
    let read: UnpackFrame;
    if (UNPACKS_NATIVELY) {
      content.set(unpackNatively(packed, entry.bytes, entry.offset));
      read = (start, end) => content.subarray(start, end);
    } else {
      const frame = new SeekableFrame(entry, header, this.#room.subarray(from, middle), content, decoder);
      read = (start, end) => frame.read(start, end);
    }
    this.#frames.push({ index, read, decoder, from, to });
    this.#end = to;
    return read;
  }

  /** Makes space for the bytes and returns its start. */
  #makeRoom(bytes: number): number {
    const fits = this.#end + bytes <= this.#room.length;
    const from = fits ? this.#end : 0;
    for (let oldest = this.#frames[0]; oldest !== undefined; oldest = this.#frames[0]) {
      // The unused rest of the buffer holds the oldest frames.
      const isInRest = !fits && oldest.from >= this.#end;
      const overlaps = oldest.from < from + bytes && oldest.to > from;
      if (!isInRest && !overlaps && this.#frames.length < MAX_OPEN_FRAMES) break;
      this.#frames.shift();
      this.#idle.push(oldest.decoder);
    }
    return from;
  }
}

/** Random access to the unpacked bytes of a zstd file by its seek table; keeps the last few frames. */
export class SeekableZstdBlend implements DecodedBlend {
  readonly compression = 'zstd';
  readonly size: number;
  /** Blender puts `DNA1` and the end block into the last frame. */
  readonly tailOffset: number;
  readonly #source: ByteReader;
  /** Reads many frames in one request. */
  readonly #window: ByteWindow;
  readonly #table: SeekTable;
  readonly #frames: FrameCache;
  #bytesLeft: number;

  /** `table` must not be empty; `limitBytes` is how much may be unpacked in total. */
  constructor(source: ByteReader, table: SeekTable, limitBytes: number) {
    this.#source = source;
    this.#window = new ByteWindow(source, FRUGAL);
    this.#table = table;
    this.#bytesLeft = limitBytes;
    this.size = table.bytes;
    this.tailOffset = table.at(table.length - 1).start;
    this.#frames = new FrameCache(this.size + source.size);
  }

  /** Throws `bad-zstd` and `too-large`. */
  async read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    if (offset >= end) return new Uint8Array(0);
    const result = room?.subarray(0, end - offset) ?? new Uint8Array(end - offset);
    for (let position = offset, index = this.#table.indexAt(offset); position < end; index++) {
      const part = await this.#partOf(index, position, end);
      result.set(part, position - offset);
      position += part.length;
    }
    return result;
  }

  /** The part of these bytes in the frame. */
  async #partOf(index: number, offset: number, end: number): Promise<Uint8Array> {
    const { start, bytes } = this.#table.at(index);
    const read = this.#frames.get(index) ?? (await this.#open(index));
    return read(offset - start, Math.min(end - start, bytes));
  }

  async #open(index: number): Promise<UnpackFrame> {
    const entry = this.#table.at(index);
    this.#bytesLeft -= entry.bytes;
    if (this.#bytesLeft < 0) {
      const reason = 'the file has too many small blocks to read through';
      throw new BlendFormatError('too-large', entry.offset, reason);
    }
    return this.#frames.add(index, entry, await this.#packed(entry.offset, entry.packedBytes));
  }

  /** Without read-ahead if the bytes are in memory: that could ask for more. */
  async #packed(offset: number, length: number): Promise<Uint8Array> {
    return this.#source.peek?.(offset, length) ?? this.#window.read(offset, length);
  }
}
