import type { ByteReader, DecodedBlend, DecodeLimits } from './decoded-blend';
import { unpackGzip } from './gzip-blend';
import { TAIL_BYTES } from './ranged-source';
import { StreamedBlend } from './streamed-blend';
import { openZstdBlend } from './zstd-blend';
import { ZSTD_MAGIC } from './zstd-frame';

/**
 * Opens what lies within a file: itself, or what it unpacks to, told apart by its first bytes. That the result is a
 * `.blend` is not checked here. Of gzip, and of zstd without a seek table, all is unpacked once to see how long it is;
 * reading in it is cheap at both ends and otherwise goes forward, or starts anew.
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
