import type { ByteSource } from '../../core/storage/storage';

/** An opened object that counts its reads. */
export interface CountingSource extends ByteSource {
  /** Calls of `read`; each is a request if the object is in S3. */
  reads: number;
  /** Bytes that they gave. */
  readBytes: number;
}

/** Bytes of a sparse object, at their place. */
export interface SparsePart {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** An object in a bucket, of any size, that is all zeros but for its parts. */
export function sparseSource(
  size: number,
  parts: readonly SparsePart[],
  name = 'scene.blend',
): CountingSource {
  return {
    url: new URL(`memory://bucket/${encodeURIComponent(name)}`),
    size,
    reads: 0,
    readBytes: 0,
    async read(offset, length, room) {
      const wanted = Math.max(Math.min(length, size - offset), 0);
      const bytes = room?.subarray(0, wanted).fill(0) ?? Buffer.alloc(wanted);
      for (const part of parts) {
        const from = Math.max(offset, part.offset);
        const to = Math.min(offset + bytes.length, part.offset + part.bytes.length);
        if (from < to) bytes.set(part.bytes.subarray(from - part.offset, to - part.offset), from - offset);
      }
      this.reads += 1;
      this.readBytes += bytes.length;
      return bytes;
    },
    async close() {},
  };
}

/** Bytes in memory as an opened object. */
export function bytesSource(bytes: Uint8Array, name?: string): CountingSource {
  const source = sparseSource(bytes.length, [], name);
  return {
    ...source,
    async read(offset, length, room) {
      const part = bytes.subarray(offset, offset + length);
      this.reads += 1;
      this.readBytes += part.length;
      room?.set(part);
      return room?.subarray(0, part.length) ?? part;
    },
  };
}

/** The same object, counted. */
export function countingSource(source: ByteSource): CountingSource {
  return {
    url: source.url,
    size: source.size,
    reads: 0,
    readBytes: 0,
    async read(offset, length, room) {
      const bytes = await source.read(offset, length, room);
      this.reads += 1;
      this.readBytes += bytes.length;
      return bytes;
    },
    close: () => source.close(),
  };
}
