import { createGunzip, type Gunzip } from 'node:zlib';
import { codeOf, messageOf } from '../errors';
import { BlendFormatError } from './blend-format-error';
import { ByteWindow, FRUGAL } from './byte-window';
import type { ByteReader } from './decoded-blend';
import { freeBuffer } from './free-buffer';

const PACKED_BYTES = 256 << 10;

/** So large that the allocator asks the system for each and gives it back; smaller ones leave it full of holes. */
const UNPACKED_BYTES = 256 << 10;

/**
 * Unpacks a `.blend` that Blender ≤ 2.93 saved compressed: one gzip member without an index, so there is no way to a
 * part of it but through all that comes before. What it gives is valid until the next is asked for. Throws `bad-gzip` and
 * `truncated`.
 */
export async function* unpackGzip(source: ByteReader): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: UNPACKED_BYTES });
  // The iteration below throws what goes wrong.
  void feed(source, gunzip).catch((error: Error) => gunzip.destroy(error));
  try {
    for await (const chunk of gunzip) {
      const bytes: Uint8Array = chunk;
      yield bytes;
      // zlib gives a new buffer part by part, in order, and never takes one again that it has filled.
      freeBuffer(bytes);
    }
  } catch (error) {
    throw asFormatError(error, gunzip.bytesWritten);
  }
}

/** Piece by piece, each once the one before is unpacked: the window puts the next where that was. */
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
