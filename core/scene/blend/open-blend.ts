import { createGunzip, type Gunzip } from 'node:zlib';
import { codeOf, messageOf } from '../../errors';
import {
  brokenPromise,
  MAX_ZSTD_BLOCK_BYTES,
  MAX_ZSTD_HEADER_BYTES,
  parseZstdBlock,
  parseZstdFrameHeader,
  ZSTD_BLOCK_HEADER_BYTES,
  ZSTD_MAGIC,
  ZstdDecoder,
  type ZstdFrameHeader,
  zstdTruncated,
} from '../zstd/decoder';
import { readSeekTable, SeekableZstdBlend } from '../zstd/seekable';
import {
  type ByteReader,
  ByteWindow,
  type Compression,
  type DecodedBlend,
  type DecodeLimits,
  freeBuffer,
  FRUGAL,
  KeptEnds,
  ReadBudgetSpent,
  TAIL_BYTES,
  unpacksTooLarge,
} from './bytes';
import { BlendFormatError } from './header';

const PACKED_BYTES = 256 << 10;

/** Large enough that the allocator returns each to the system; smaller ones fragment the heap. */
const UNPACKED_BYTES = 256 << 10;

/**
 * Unpacks a `.blend` that Blender ≤ 2.93 compressed: one gzip member without an index, so only from its start. Each chunk is
 * valid until the next. Throws `bad-gzip` and `truncated`.
 */
async function* unpackGzip(source: ByteReader): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: UNPACKED_BYTES });
  // The iteration below throws its errors.
  void feed(source, gunzip).catch((error: Error) => gunzip.destroy(error));
  try {
    for await (const chunk of gunzip) {
      const bytes: Uint8Array = chunk;
      yield bytes;
      // zlib hands out each buffer in parts, in order, and never reuses one that it has filled.
      freeBuffer(bytes);
    }
  } catch (error) {
    throw asFormatError(error, gunzip.bytesWritten);
  }
}

/** Feeds piece by piece and waits for each: the window reuses its buffer. */
async function feed(source: ByteReader, gunzip: Gunzip): Promise<void> {
  const window = new ByteWindow(source, FRUGAL);
  for (let offset = 0; offset < source.size && !gunzip.destroyed; offset += PACKED_BYTES) {
    const packed = await window.read(offset, Math.min(PACKED_BYTES, source.size - offset));
    await new Promise<void>((resolve, reject) => {
      gunzip.write(packed, (error) => (error ? reject(error) : resolve()));
    });
  }
  gunzip.end();
}

/** Turns zlib's errors into `BlendFormatError`; leaves errors of storage as they are. */
function asFormatError(error: unknown, offset: number): unknown {
  const code = codeOf(error);
  if (code === 'Z_BUF_ERROR') {
    return new BlendFormatError('truncated', offset, 'the gzip data ends early', { cause: error });
  }
  if (code?.startsWith('Z_')) {
    return new BlendFormatError('bad-gzip', offset, `the gzip data is damaged: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return error;
}

const EMPTY = new Uint8Array(0);

type StreamLimits = Pick<DecodeLimits, 'wholeBytes' | 'headBytes'>;

/** Unpacks a file from its start. Each chunk is valid until the next; callers may stop at any point. */
export type Unpack = () => AsyncIterable<Uint8Array>;

/**
 * The unpacked bytes of a file that can only be unpacked from its start: one pass when it is opened, which keeps both ends, and
 * another for other reads. Reading forward takes two passes; reading back and forth takes more.
 */
class StreamedBlend implements DecodedBlend {
  readonly compression: Compression;
  readonly size: number;
  readonly tailOffset: number;
  readonly cut: boolean;
  readonly #ends: KeptEnds;
  readonly #unpack: Unpack;
  #pass: AsyncIterator<Uint8Array> | undefined;
  #chunk: Uint8Array = EMPTY;
  #chunkStart = 0;

  private constructor(compression: Compression, ends: KeptEnds, unpack: Unpack, cut: boolean) {
    this.compression = compression;
    this.size = ends.size;
    this.tailOffset = ends.tailOffset;
    this.cut = cut;
    this.#ends = ends;
    this.#unpack = unpack;
  }

  /** Throws `too-large` past the limit, `not-blend`, and what `unpack` throws except `ReadBudgetSpent`. */
  static async open(compression: Compression, unpack: Unpack, limits: StreamLimits): Promise<StreamedBlend> {
    const ends = new KeptEnds(compression, limits.wholeBytes, limits.headBytes);
    let cut = false;
    try {
      for await (const chunk of unpack()) ends.append(chunk);
    } catch (error) {
      if (!(error instanceof ReadBudgetSpent)) throw error;
      cut = true;
    }
    return new StreamedBlend(compression, ends, unpack, cut);
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    return this.#ends.peek(offset, length);
  }

  async read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array> {
    const kept = this.peek(offset, length);
    if (kept !== undefined) return kept;
    const wanted = Math.min(offset + length, this.size) - offset;
    const result = room?.subarray(0, wanted) ?? new Uint8Array(wanted);
    for (let filled = 0; filled < result.length;) {
      const chunk = await this.#chunkAt(offset + filled);
      const part = chunk.subarray(offset + filled - this.#chunkStart).subarray(0, result.length - filled);
      result.set(part, filled);
      filled += part.length;
    }
    return result;
  }

  /** The chunk that holds `offset`, which must be below `size`. */
  async #chunkAt(offset: number): Promise<Uint8Array> {
    if (this.#pass === undefined || offset < this.#chunkStart) {
      await this.#pass?.return?.();
      this.#pass = this.#unpack()[Symbol.asyncIterator]();
      this.#chunk = EMPTY;
      this.#chunkStart = 0;
    }
    while (offset >= this.#chunkStart + this.#chunk.length) {
      // The chunk becomes invalid with the next one.
      this.#chunkStart += this.#chunk.length;
      this.#chunk = EMPTY;
      const next = await this.#pass.next();
      // Happens only if the file changed meanwhile: sources are pinned to one version where possible.
      if (next.done)
        throw new BlendFormatError('truncated', offset, 'the file ended early when it was read again');
      this.#chunk = next.value;
    }
    return this.#chunk;
  }
}

/** Blocks that fit before the window is moved to the start of the buffer. */
const BLOCKS_BETWEEN_MOVES = 8;

/**
 * Unpacks a zstd file block by block, without its seek table, and keeps little more than the window of a frame. Each chunk is
 * valid until the next. Throws `bad-zstd`, `truncated`, and `too-large` if a frame declares more than `limitBytes`.
 */
export async function* unpackZstd(source: ByteReader, limitBytes: number): AsyncGenerator<Uint8Array> {
  const decoder = new ZstdDecoder();
  const history = new History();
  const window = new ByteWindow(source, FRUGAL);
  try {
    for (let offset = 0; offset < source.size;) {
      const start = await window.read(offset, MAX_ZSTD_HEADER_BYTES);
      const header = parseZstdFrameHeader(start, offset);
      // Other bytes may follow the last frame. If a frame is missing, so is the end block.
      if (header === undefined) return;
      if ((header.contentBytes ?? 0) > limitBytes) throw unpacksTooLarge('zstd', offset);
      if (header.skippable) {
        offset += header.bytes;
        if (offset > source.size) throw zstdTruncated(source.size);
      } else {
        history.begin(header);
        decoder.begin(header, offset);
        offset = yield* unpackFrame(window, decoder, history, header, offset);
      }
    }
  } finally {
    history.end();
  }
}

/** Returns the offset of the next frame. */
async function* unpackFrame(
  window: ByteWindow,
  decoder: ZstdDecoder,
  history: History,
  header: ZstdFrameHeader,
  offset: number,
): AsyncGenerator<Uint8Array, number> {
  const promised = header.contentBytes;
  let bytes = 0;
  let end = offset + header.bytes;
  for (let last = false; !last;) {
    const block = parseZstdBlock(await readWhole(window, end, ZSTD_BLOCK_HEADER_BYTES), end);
    const packed = await readWhole(window, end, block.bytes);
    ({ last } = block);
    end += block.bytes;
    const chunk = history.add((room, start, position) => decoder.decode(packed, room, start, position));
    bytes += chunk.length;
    // The decoder does not check the declared size.
    if (promised !== undefined && (bytes > promised || (last && bytes < promised))) {
      throw brokenPromise(promised, offset);
    }
    if (chunk.length > 0) yield chunk;
  }
  await readWhole(window, end, header.checksumBytes);
  return end + header.checksumBytes;
}

async function readWhole(window: ByteWindow, offset: number, length: number): Promise<Uint8Array> {
  const bytes = window.peek(offset, length) ?? (await window.read(offset, length));
  if (bytes.length < length) throw zstdTruncated(window.size);
  return bytes;
}

/** The last bytes that a frame unpacked to, as far back as its blocks may point. Frames share its buffer. */
class History {
  #room = new Uint8Array(0);
  #windowBytes = 0;
  /** Start and end of the frame's bytes in the buffer. */
  #start = 0;
  #position = 0;

  begin({ contentBytes, windowBytes }: ZstdFrameHeader): void {
    this.#windowBytes = Math.min(contentBytes ?? windowBytes, windowBytes);
    const needed = this.#windowBytes + BLOCKS_BETWEEN_MOVES * MAX_ZSTD_BLOCK_BYTES;
    if (this.#room.length < needed) this.#room = new Uint8Array(needed);
    this.#start = 0;
    this.#position = 0;
  }

  /** The bytes that `decode` appends; it returns where they end. */
  add(decode: (room: Uint8Array, start: number, position: number) => number): Uint8Array {
    if (this.#position + MAX_ZSTD_BLOCK_BYTES > this.#room.length) this.#moveToStart();
    const from = this.#position;
    this.#position = decode(this.#room, this.#start, from);
    return this.#room.subarray(from, this.#position);
  }

  /** Frees the buffer of up to 9 MiB before the next pass. */
  end(): void {
    freeBuffer(this.#room);
  }

  #moveToStart(): void {
    const from = Math.max(this.#position - this.#windowBytes, this.#start);
    this.#room.copyWithin(0, from, this.#position);
    this.#position -= from;
    this.#start = 0;
  }
}

/**
 * Opens a `.blend` that Blender ≥ 3.0 compressed: with a seek table, only the frames that are read are unpacked. Throws
 * `bad-zstd`, `truncated`, `too-large`, `not-blend`.
 */
async function openZstdBlend(source: ByteReader, limits: DecodeLimits): Promise<DecodedBlend> {
  const table = await readSeekTable(source);
  return table && table.length > 0
    ? new SeekableZstdBlend(source, table, limits.seekableBytes)
    : StreamedBlend.open('zstd', () => unpackZstd(source, limits.wholeBytes), limits);
}

/**
 * Opens a file as its unpacked bytes; the first bytes show its compression. The caller checks that the result is a `.blend`.
 * Gzip, and zstd without a seek table, are unpacked once to measure them. Reading these is cheap at both ends; elsewhere it
 * moves forward or restarts.
 * Throws `bad-gzip`, `bad-zstd`, `truncated`, `too-large`, `not-blend`.
 */
export async function openDecodedBlend(source: ByteReader, limits: DecodeLimits): Promise<DecodedBlend> {
  const magic = await source.read(0, 4);
  if (magic[0] === 0x1f && magic[1] === 0x8b) {
    return StreamedBlend.open('gzip', () => unpackGzip(source), limits);
  }
  if (magic.length === 4 && new DataView(magic.buffer, magic.byteOffset).getUint32(0, true) === ZSTD_MAGIC) {
    return openZstdBlend(source, limits);
  }
  return {
    compression: 'none',
    size: source.size,
    tailOffset: Math.max(source.size - TAIL_BYTES, 0),
    read: (offset, length, room) => source.read(offset, length, room),
    peek: (offset, length) => source.peek?.(offset, length),
  };
}
