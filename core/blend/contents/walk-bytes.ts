import type { ByteReader } from '../decoded-blend';

/** Bytes that a walk goes over, for the most part without waiting. */
export interface WalkBytes extends ByteReader {
  /** The bytes if they are in memory already. */
  peek(offset: number, length: number): Uint8Array | undefined;
}
