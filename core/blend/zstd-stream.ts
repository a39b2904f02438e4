import { ByteWindow, FRUGAL } from './byte-window';
import type { ByteReader } from './decoded-blend';
import { unpacksTooLarge } from './kept-ends';
import { brokenPromise, bytesIn, ZstdDecoder } from './zstd-decoder';
import {
  MAX_ZSTD_HEADER_BYTES,
  parseZstdBlock,
  parseZstdFrameHeader,
  ZSTD_BLOCK_HEADER_BYTES,
  zstdTruncated,
  type ZstdFrameHeader,
} from './zstd-frame';

/** Blocks unpacked in one go: of the usual 128 KiB, 2 MiB. */
const BLOCKS_AT_ONCE = 16;

/**
 * Unpacks a zstd file frame by frame and block by block, without its seek table; holds little more than the window that a
 * frame asks for. Throws `bad-zstd`, `truncated`, and `too-large` for a frame that says it unpacks to more than
 * `limitBytes`.
 */
export async function* unpackZstd(source: ByteReader, limitBytes: number): AsyncGenerator<Uint8Array> {
  const decoder = new ZstdDecoder();
  const window = new ByteWindow(source, FRUGAL);
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
      offset = yield* unpackFrame(window, decoder, header, offset);
    }
  }
}

/** Returns where the next frame starts. */
async function* unpackFrame(
  window: ByteWindow,
  decoder: ZstdDecoder,
  header: ZstdFrameHeader,
  offset: number,
): AsyncGenerator<Uint8Array, number> {
  const stream = decoder.begin(header, offset);
  const promised = header.contentBytes;
  let bytes = 0;
  let end = offset + header.bytes;
  for (let last = false; !last;) {
    const batch = await readBlocks(window, end);
    ({ end, last } = batch);
    const parts = [...batch.packed];
    if (last && header.checksumBytes > 0) {
      parts.push(await readWhole(window, end, header.checksumBytes));
      end += header.checksumBytes;
    }
    const chunks = stream.push(parts, batch.packed.length, last);
    bytes += bytesIn(chunks);
    // The decoder does not look at what the frame says of itself.
    if (promised !== undefined && (bytes > promised || (last && bytes < promised))) {
      throw brokenPromise(promised, offset);
    }
    yield* chunks;
  }
  return end;
}

/** As many whole blocks as are unpacked at once. */
async function readBlocks(
  window: ByteWindow,
  offset: number,
): Promise<{ packed: Uint8Array[]; end: number; last: boolean }> {
  const packed: Uint8Array[] = [];
  let last = false;
  while (!last && packed.length < BLOCKS_AT_ONCE) {
    const block = parseZstdBlock(await readWhole(window, offset, ZSTD_BLOCK_HEADER_BYTES), offset);
    packed.push(await readWhole(window, offset, block.bytes));
    offset += block.bytes;
    last = block.last;
  }
  return { packed, end: offset, last };
}

async function readWhole(window: ByteWindow, offset: number, length: number): Promise<Uint8Array> {
  const bytes = window.peek(offset, length) ?? (await window.read(offset, length));
  if (bytes.length < length) throw zstdTruncated(window.size);
  return bytes;
}
