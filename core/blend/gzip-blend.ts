import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { codeOf, messageOf } from '../errors';
import { BlendFormatError } from './blend-format-error';
import type { ByteReader, DecodedBlend } from './decoded-blend';
import { DecodedChunks } from './decoded-chunks';

const CHUNK_BYTES = 1 << 20;

/**
 * Unpacks a `.blend` that Blender ≤ 2.93 saved compressed: one gzip member without an index, so there is no way to a
 * part of it but through all that comes before. Throws `bad-gzip`, `truncated`, `too-large` and `not-blend`.
 */
export async function decodeGzipBlend(source: ByteReader, limitBytes: number): Promise<DecodedBlend> {
  const decoded = new DecodedChunks('gzip', limitBytes);
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  try {
    await pipeline(Readable.from(chunksOf(source)), gunzip, writableInto(decoded));
  } catch (error) {
    throw asFormatError(error, gunzip.bytesWritten);
  }
  return decoded;
}

async function* chunksOf(source: ByteReader): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < source.size; offset += CHUNK_BYTES) {
    yield await source.read(offset, Math.min(CHUNK_BYTES, source.size - offset));
  }
}

/** An async function in its place would have `pipeline` throw an `AbortError` for what it throws. */
function writableInto(decoded: DecodedChunks): Writable {
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      try {
        decoded.append(chunk);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
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
