import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { codeOf, messageOf } from '../errors';
import { BlendFormatError } from './blend-format-error';
import { ByteWindow, FRUGAL } from './byte-window';
import type { ByteReader } from './decoded-blend';

const PACKED_BYTES = 256 << 10;

/** Small ones: V8 looks for dead buffers by what lies in its heap, and there each counts the same. */
const UNPACKED_BYTES = 32 << 10;

/**
 * Unpacks a `.blend` that Blender ≤ 2.93 saved compressed: one gzip member without an index, so there is no way to a
 * part of it but through all that comes before. Throws `bad-gzip` and `truncated`.
 */
export async function* unpackGzip(source: ByteReader): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: UNPACKED_BYTES });
  // The iteration below throws what goes wrong in the pipeline.
  pipeline(Readable.from(chunksOf(source)), gunzip, () => {});
  try {
    for await (const chunk of gunzip) yield chunk;
  } catch (error) {
    throw asFormatError(error, gunzip.bytesWritten);
  }
}

async function* chunksOf(source: ByteReader): AsyncGenerator<Uint8Array> {
  const window = new ByteWindow(source, FRUGAL);
  for (let offset = 0; offset < source.size; offset += PACKED_BYTES) {
    yield await window.read(offset, Math.min(PACKED_BYTES, source.size - offset));
  }
}

/** zlib's errors become ours; whatever storage threw stays what it is. */
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
