import type { ByteReader, DecodedBlend, DecodeLimits } from './decoded-blend';
import { decodeGzipBlend } from './gzip-blend';
import { decodeZstdBlend } from './zstd-blend';
import { ZSTD_MAGIC } from './zstd-frame';

/**
 * Opens what lies within a file: itself, or what it unpacks to, told apart by its first bytes. That the result is a
 * `.blend` is not checked here. Throws `bad-gzip`, `bad-zstd`, `truncated`, `too-large`.
 */
export async function openDecodedBlend(source: ByteReader, limits: DecodeLimits): Promise<DecodedBlend> {
  const magic = await source.read(0, 4);
  if (magic[0] === 0x1f && magic[1] === 0x8b) return decodeGzipBlend(source, limits.wholeBytes);
  if (magic.length === 4 && new DataView(magic.buffer, magic.byteOffset).getUint32(0, true) === ZSTD_MAGIC) {
    return decodeZstdBlend(source, limits);
  }
  return {
    compression: 'none',
    size: source.size,
    read: (offset, length) => source.read(offset, length),
  };
}
