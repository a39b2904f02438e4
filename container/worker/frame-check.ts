import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflate } from 'node:zlib';
import { messageOf } from '../../core/errors';
import type { Resolution } from '../../core/render/resolution';
import { packedPicture, pngRows, readPngHeader, type PngRows } from './png-chunks';

/** A check of a frame's bytes: what is wrong with them, `undefined` where nothing is. */
export type FrameCheck = (bytes: Uint8Array, expected: Resolution) => Promise<string | undefined>;

/**
 * What is wrong with a frame's bytes; `undefined` when it is whole: its checksums hold, its picture unpacks to the last
 * row and no further, and it has the right dimensions. The only rule by which a frame counts as rendered. Nothing is
 * turned into pixels, and what is unpacked is dropped piece by piece, in zlib's own threads.
 */
export const frameFault: FrameCheck = async (bytes, expected) => {
  const fault = headerFault(bytes, expected);
  if (fault !== undefined) return fault;
  try {
    await checkRows(packedPicture(bytes), pngRows(readPngHeader(bytes)!));
    return undefined;
  } catch (error) {
    return undecodable(error);
  }
};

/**
 * The same without unpacking, for frames that a decoder is about to unpack: of a frame that was whole when it was stored,
 * the checksums tell as much. A twentieth of the time.
 */
export const checksumFault: FrameCheck = async (bytes, expected) => {
  const fault = headerFault(bytes, expected);
  if (fault !== undefined) return fault;
  try {
    packedPicture(bytes);
    return undefined;
  } catch (error) {
    return undecodable(error);
  }
};

/** Before unpacking: a picture of another size may be of any size. */
function headerFault(bytes: Uint8Array, expected: Resolution): string | undefined {
  const header = readPngHeader(bytes);
  if (!header) return bytes.byteLength === 0 ? 'it is empty' : 'it is no PNG';
  if (header.width === expected.width && header.height === expected.height) return undefined;
  return `it is ${header.width}×${header.height}, not ${expected.width}×${expected.height}`;
}

const undecodable = (error: unknown): string => `it does not decode: ${messageOf(error)}`;

/** Pieces of an unpacked picture, in bytes: larger ones cost memory, smaller ones time. */
const CHUNK_BYTES = 256 * 1024;

/** The last of the filters that a row can begin with. Source: PNG specification, 9.2 Filter types for filter method 0. */
const LAST_FILTER = 4;

/** Unpacks the picture. zlib itself throws where its own checksum fails or the end is missing. */
async function checkRows(data: readonly Uint8Array[], passes: readonly PngRows[]): Promise<void> {
  const rows = new RowCheck(passes);
  let fault: unknown;
  const check = async (unpacked: AsyncIterable<Uint8Array>): Promise<void> => {
    try {
      for await (const piece of unpacked) rows.take(piece);
      rows.end();
    } catch (error) {
      fault = error;
      throw error;
    }
  };
  const unpack = createInflate({ chunkSize: CHUNK_BYTES });
  // A pipeline that is ended from its end may speak of that in place of the reason.
  await pipeline(Readable.from(data), unpack, check).catch((error: unknown) => {
    throw fault ?? error;
  });
}

/** Walks through an unpacked picture from row to row. */
class RowCheck {
  private readonly passes: PngRows[];
  /** Of the row that is at hand, bytes still to come; 0 before a row. */
  private rest = 0;
  private rowsLeft = 0;
  private rowBytes = 0;

  constructor(passes: readonly PngRows[]) {
    this.passes = passes.filter(({ rows }) => rows > 0);
  }

  take(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      if (this.rest === 0) this.beginRow(piece[at]!);
      const taken = Math.min(this.rest, piece.length - at);
      this.rest -= taken;
      at += taken;
    }
  }

  end(): void {
    if (this.rest > 0 || this.rowsLeft > 0 || this.passes.length > 0) throw new Error('rows are missing');
  }

  private beginRow(filter: number): void {
    if (this.rowsLeft === 0) {
      const pass = this.passes.shift();
      if (!pass) throw new Error('there is more in it than its rows');
      ({ rows: this.rowsLeft, rowBytes: this.rowBytes } = pass);
    }
    if (filter > LAST_FILTER) throw new Error(`a row has the filter ${filter}, which there is not`);
    this.rowsLeft -= 1;
    this.rest = this.rowBytes;
  }
}
