import type { MasterBytes } from './master-bytes';

/** Bytes that are read at once, and bytes that a step may look at. */
const PIECE = 1 << 20;
const STEP_BYTES = 4;

/** Counts packed pixels. */
export interface PackedPixels {
  readonly isDone: () => boolean;
  /** The length of the packet at `at`, in bytes and at least 1; counts its pixels. Throws if there are too many of them. */
  readonly take: (bytes: Buffer, at: number) => number;
}

/** Walks over run-length packed pixels that begin at `start`, and gives where they end. Throws if that is beyond the file's end. */
export async function packedEnd(file: MasterBytes, start: number, pixels: PackedPixels): Promise<number> {
  let base = start;
  let bytes = Buffer.alloc(0);
  let at = 0;
  while (!pixels.isDone()) {
    if (at + STEP_BYTES > bytes.length) {
      base += at;
      at = 0;
      if (base >= file.size) throw new Error('it is cut off');
      bytes = Buffer.from(await file.read(base, PIECE));
      // Zeros beyond the end: a packet that needs them is found to be too long.
      if (bytes.length < STEP_BYTES) bytes = Buffer.concat([bytes, Buffer.alloc(STEP_BYTES)]);
    }
    at += pixels.take(bytes, at);
    if (base + at > file.size) throw new Error('it is cut off');
  }
  return base + at;
}
