import { BlendFormatError } from './blend-format-error';
import type { BlendHeader } from './blend-header';

/** One block of a `.blend`: a header (Blender's `BHead`) and its data, which the next block follows without a gap. */
export interface Block {
  /** Two or four letters: `SC` for a scene, `DATA`, `GLOB`, `REND`, `DNA1`, `ENDB`. */
  readonly code: string;
  /** Where its header stands. */
  readonly offset: number;
  readonly dataOffset: number;
  /** Bytes of data, header not counted; checked to lie within the file. */
  readonly length: number;
  /** Index of its struct in the SDNA; not checked. */
  readonly sdnaIndex: number;
  /** The address that it had in the memory of the Blender that wrote it, by which others point to it. */
  readonly address: bigint;
}

/** Bytes of a block header, by the header of the file (see section "BHead" of Blender's `BLO_core_bhead.hh`). */
export function blockHeaderBytes(header: BlendHeader): number {
  if (header.format === 1) return 32;
  return header.pointerBytes === 8 ? 24 : 20;
}

/**
 * Reads the block header at the start of `bytes`, which stands at `offset` of a file of `size` bytes.
 * Throws `truncated` where the file ends within the block, `bad-block` where this can't be one.
 */
export function parseBlockHeader(
  bytes: Uint8Array,
  header: BlendHeader,
  offset: number,
  size: number,
): Block {
  const code = codeOf(bytes);
  const headerBytes = blockHeaderBytes(header);
  // Some writers cut the last header short, and Blender accepts that.
  if (code === 'ENDB') return { code, offset, dataOffset: offset, length: 0, sdnaIndex: 0, address: 0n };
  if (bytes.length < headerBytes) {
    throw new BlendFormatError(
      'truncated',
      offset,
      'the file ends without its end block: it is incomplete, upload it again',
    );
  }
  if (code === '') throw new BlendFormatError('bad-block', offset, 'no block header stands here');

  const { length, sdnaIndex, address } = fieldsOf(bytes, header);
  if (length < 0)
    throw new BlendFormatError('bad-block', offset, `the block ${code} has the negative length ${length}`);
  const dataOffset = offset + headerBytes;
  if (dataOffset + length > size) {
    throw new BlendFormatError(
      'truncated',
      offset,
      `the block ${code} is ${length} bytes long but the file ends after ${size - dataOffset} of them`,
    );
  }
  return { code, offset, dataOffset, length, sdnaIndex, address };
}

/** By their four bytes as an integer: a file may have millions of blocks, and has a few dozen codes. */
const CODES = new Map<number, string>();
const MAX_CODES = 1000;

/** The block's code, empty for what can be none. */
function codeOf(bytes: Uint8Array): string {
  const key = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24);
  const known = CODES.get(key);
  if (known !== undefined) return known;
  // NULs pad a short code on the right; in big-endian files, where a code is a swapped integer, on the left.
  const text = String.fromCharCode(...bytes.subarray(0, 4)).replaceAll('\0', '');
  const code = /^[A-Z0-9]{2,4}$/i.test(text) ? text : '';
  if (CODES.size < MAX_CODES) CODES.set(key, code);
  return code;
}

/** A header is copied here to be read: making a view for each of millions takes longer. */
const SCRATCH = new Uint8Array(32);
const SCRATCH_VIEW = new DataView(SCRATCH.buffer);

function fieldsOf(bytes: Uint8Array, header: BlendHeader): Pick<Block, 'length' | 'sdnaIndex' | 'address'> {
  const { littleEndian } = header;
  const view = SCRATCH_VIEW;
  SCRATCH.set(bytes.length > SCRATCH.length ? bytes.subarray(0, SCRATCH.length) : bytes);
  if (header.format === 1) {
    // The 64-bit length loses precision beyond 2^53, which no file reaches: `dataOffset + length > size` catches it.
    const length = view.getInt32(20, true) * 2 ** 32 + view.getUint32(16, true);
    return { sdnaIndex: view.getInt32(4, true), address: view.getBigUint64(8, true), length };
  }
  const length = view.getInt32(4, littleEndian);
  return header.pointerBytes === 8
    ? { length, address: view.getBigUint64(8, littleEndian), sdnaIndex: view.getInt32(16, littleEndian) }
    : {
        length,
        address: BigInt(view.getUint32(8, littleEndian)),
        sdnaIndex: view.getInt32(12, littleEndian),
      };
}
