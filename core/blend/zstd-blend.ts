import type { ByteReader, DecodedBlend, DecodeLimits } from './decoded-blend';
import { SeekableZstdBlend } from './seekable-zstd-blend';
import { StreamedBlend } from './streamed-blend';
import { readSeekTable } from './zstd-seek-table';
import { unpackZstd } from './zstd-stream';

/**
 * Unpacks a `.blend` that Blender ≥ 3.0 saved compressed: with its seek table only the frames that are read, without
 * one from its start. Throws `bad-zstd`, `truncated`, `too-large`, `not-blend`.
 */
export async function openZstdBlend(source: ByteReader, limits: DecodeLimits): Promise<DecodedBlend> {
  const table = await readSeekTable(source);
  return table && table.length > 0
    ? new SeekableZstdBlend(source, table, limits.seekableBytes)
    : StreamedBlend.open('zstd', () => unpackZstd(source, limits.wholeBytes), limits);
}
