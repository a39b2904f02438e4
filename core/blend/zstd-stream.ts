import { ByteWindow, FRUGAL } from './byte-window';
import type { ByteReader } from './decoded-blend';
import { freeBuffer } from './free-buffer';
import { unpacksTooLarge } from './kept-ends';
import { brokenPromise, ZstdDecoder } from './zstd-decoder';
import {
  MAX_ZSTD_BLOCK_BYTES,
  MAX_ZSTD_HEADER_BYTES,
  parseZstdBlock,
  parseZstdFrameHeader,
  ZSTD_BLOCK_HEADER_BYTES,
  zstdTruncated,
  type ZstdFrameHeader,
} from './zstd-frame';

/** Room for as many blocks before the window has to be moved to its start. */
const BLOCKS_BETWEEN_MOVES = 8;

/**
 * Unpacks a zstd file frame by frame and block by block, without its seek table; holds little more than the window that a
 * frame asks for. What it gives is valid until the next is asked for. Throws `bad-zstd`, `truncated`, and `too-large` for a
 * frame that says it unpacks to more than `limitBytes`.
 */
export async function* unpackZstd(source: ByteReader, limitBytes: number): AsyncGenerator<Uint8Array> {
  const decoder = new ZstdDecoder();
  const history = new History();
  const window = new ByteWindow(source, FRUGAL);
  try {
    for (let offset = 0; offset < source.size;) {
      const start = await window.read(offset, MAX_ZSTD_HEADER_BYTES);
      const header = parseZstdFrameHeader(start, offset);
      // Bytes after the last frame are none of ours; if something was lost, the end block is missing too.
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

/** Returns where the next frame starts. */
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
    // The decoder does not look at what the frame says of itself.
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

/** What a frame unpacked to last, as far back as its blocks may point. Its room serves one frame after the other. */
class History {
  #room = new Uint8Array(0);
  #windowBytes = 0;
  /** Where the frame's bytes start, as far as they are there, and where they end. */
  #start = 0;
  #position = 0;

  begin({ contentBytes, windowBytes }: ZstdFrameHeader): void {
    this.#windowBytes = Math.min(contentBytes ?? windowBytes, windowBytes);
    const needed = this.#windowBytes + BLOCKS_BETWEEN_MOVES * MAX_ZSTD_BLOCK_BYTES;
    if (this.#room.length < needed) this.#room = new Uint8Array(needed);
    this.#start = 0;
    this.#position = 0;
  }

  /** The bytes that `decode` adds behind those before; it tells where they end. */
  add(decode: (room: Uint8Array, start: number, position: number) => number): Uint8Array {
    if (this.#position + MAX_ZSTD_BLOCK_BYTES > this.#room.length) this.#moveToStart();
    const from = this.#position;
    this.#position = decode(this.#room, this.#start, from);
    return this.#room.subarray(from, this.#position);
  }

  /** Two passes need no two rooms, which may be of 9 MiB. */
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
