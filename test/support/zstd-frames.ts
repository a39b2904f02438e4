const BLOCK_BYTES = 128 << 10;

/** A zstd frame that stores `content` as it is. */
export function storedFrame(
  content: Uint8Array,
  options: { contentBytes?: number; blockBytes?: number } = {},
): Buffer {
  const { blockBytes = BLOCK_BYTES, contentBytes = content.length } = options;
  const header = Buffer.alloc(10);
  header.writeUInt32LE(0xfd2fb528, 0);
  // The content's size in four bytes; a window of 2 MiB.
  header[4] = 0x80;
  header[5] = 11 << 3;
  header.writeUInt32LE(contentBytes, 6);
  const parts: Buffer[] = [header];
  for (let offset = 0; offset === 0 || offset < content.length; offset += blockBytes) {
    const block = content.subarray(offset, offset + blockBytes);
    const last = offset + blockBytes >= content.length;
    parts.push(blockHeader(0, block.length, last), Buffer.from(block));
  }
  return Buffer.concat(parts);
}

/** A frame of `blocks` times 128 KiB of zeros, in four bytes each, without its size. */
export function bombFrame(blocks: number): Buffer {
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 11 << 3])];
  for (let block = 1; block <= blocks; block++) {
    parts.push(blockHeader(1, BLOCK_BYTES, block === blocks), Buffer.alloc(1));
  }
  return Buffer.concat(parts);
}

/** 20 bytes whose sequences copy 12 GB within a block of 128 KiB, were they not checked. */
export const SLOW_FRAME = Buffer.concat([
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 11 << 3]),
  blockHeader(2, 10, true),
  Buffer.from([0x08, 0x41, 0xff, 0xff, 0xff, 0x54, 35, 0, 52, 1]),
]);

/** The skippable frame with which Blender ends a file. */
export function seekTable(
  frames: readonly { packedBytes: number; bytes: number }[],
  options: { flags?: number; count?: number } = {},
): Buffer {
  const { flags = 0, count = frames.length } = options;
  const entryBytes = flags & 0x80 ? 12 : 8;
  const table = Buffer.alloc(8 + frames.length * entryBytes + 9);
  table.writeUInt32LE(0x184d2a5e, 0);
  table.writeUInt32LE(table.length - 8, 4);
  frames.forEach(({ packedBytes, bytes }, index) => {
    table.writeUInt32LE(packedBytes, 8 + index * entryBytes);
    table.writeUInt32LE(bytes, 12 + index * entryBytes);
  });
  table.writeUInt32LE(count, table.length - 9);
  table[table.length - 5] = flags;
  table.writeUInt32LE(0x8f92eab1, table.length - 4);
  return table;
}

/** `content` cut into frames of `frameBytes`, without a table. */
export function storedFrames(content: Uint8Array, frameBytes: number): { frames: Buffer[]; sizes: Sizes[] } {
  const frames: Buffer[] = [];
  const sizes: Sizes[] = [];
  for (let offset = 0; offset < content.length; offset += frameBytes) {
    const part = content.subarray(offset, offset + frameBytes);
    const frame = storedFrame(part);
    frames.push(frame);
    sizes.push({ packedBytes: frame.length, bytes: part.length });
  }
  return { frames, sizes };
}

export interface Sizes {
  packedBytes: number;
  bytes: number;
}

/** As Blender ≥ 3.0 writes it. */
export function seekableZstd(content: Uint8Array, frameBytes = 64 << 10, flags = 0): Buffer {
  const { frames, sizes } = storedFrames(content, frameBytes);
  return Buffer.concat([...frames, seekTable(sizes, { flags })]);
}

function blockHeader(type: number, size: number, last: boolean): Buffer {
  const word = (size << 3) | (type << 1) | Number(last);
  return Buffer.from([word & 0xff, (word >> 8) & 0xff, word >> 16]);
}
