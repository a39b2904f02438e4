import { checkFrame, SeekableFrame } from './seekable-frame';
import { UNPACKS_NATIVELY, unpackNatively, ZstdDecoder } from './zstd-decoder';
import type { SeekEntry } from './zstd-seek-table';

/** Of Blender's own frames, packed and unpacked, that is two. */
const ROOM_BYTES = 8 << 20;

/** Each has a decoder, of some 10 kB. */
const MAX_FRAMES = 32;

/** Gives what a frame unpacks to, from `start` to `end`. Throws `bad-zstd`. */
export type ReadFrame = (start: number, end: number) => Uint8Array;

interface Cached {
  /** Into the table. */
  readonly index: number;
  readonly read: ReadFrame;
  readonly decoder: ZstdDecoder;
  /** Its place in the room. */
  readonly from: number;
  readonly to: number;
}

/**
 * The last few frames of a zstd file that were read, each with its packed bytes in front of those that it unpacks to. They
 * stand one after the other in one room and, at its end, from its start again, so that a walk through a large file takes no
 * more memory than one through a small one.
 */
export class FrameCache {
  readonly #room: Uint8Array;
  #end = 0;
  /** The oldest first. */
  readonly #frames: Cached[] = [];
  readonly #idle: ZstdDecoder[] = [];

  /** `fileBytes` are those of the whole file, packed and unpacked. */
  constructor(fileBytes: number) {
    this.#room = new Uint8Array(Math.min(fileBytes, ROOM_BYTES));
  }

  get(index: number): ReadFrame | undefined {
    return this.#frames.find((cached) => cached.index === index)?.read;
  }

  /**
   * Copies the packed bytes, and lets go of the oldest frames: what those gave is overwritten. Throws `bad-zstd` for bytes
   * that are not that frame.
   */
  add(index: number, entry: SeekEntry, packed: Uint8Array): ReadFrame {
    const header = checkFrame(packed, entry);
    const from = this.#makeRoom(packed.length + entry.bytes);
    const middle = from + packed.length;
    const to = middle + entry.bytes;
    this.#room.set(packed, from);
    const content = this.#room.subarray(middle, to);
    const decoder = this.#idle.pop() ?? new ZstdDecoder();
    let read: ReadFrame;
    if (UNPACKS_NATIVELY) {
      content.set(unpackNatively(packed, entry.bytes, entry.offset));
      read = (start, end) => content.subarray(start, end);
    } else {
      const frame = new SeekableFrame(entry, header, this.#room.subarray(from, middle), content, decoder);
      read = (start, end) => frame.read(start, end);
    }
    this.#frames.push({ index, read, decoder, from, to });
    this.#end = to;
    return read;
  }

  /** Where there are so many bytes, without a frame in them. */
  #makeRoom(bytes: number): number {
    const fits = this.#end + bytes <= this.#room.length;
    const from = fits ? this.#end : 0;
    for (let oldest = this.#frames[0]; oldest !== undefined; oldest = this.#frames[0]) {
      // The rest of the room, which is left empty, has the oldest of all.
      const isInRest = !fits && oldest.from >= this.#end;
      const overlaps = oldest.from < from + bytes && oldest.to > from;
      if (!isInRest && !overlaps && this.#frames.length < MAX_FRAMES) break;
      this.#frames.shift();
      this.#idle.push(oldest.decoder);
    }
    return from;
  }
}
