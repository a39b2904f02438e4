import type { ByteSource } from '../../core/storage/storage';
import type { Resolution } from '../../core/render/resolution';

/** A picture file that is read piece by piece. */
export type MasterBytes = Pick<ByteSource, 'size' | 'read'>;

/**
 * What is wrong with a picture file; `undefined` if it is whole by its structure. Nothing is decoded. Without `expected` it may have
 * any size in pixels.
 */
export type PictureCheck = (file: MasterBytes, expected?: Resolution) => Promise<string | undefined>;

/** What is wrong with the size of a picture in pixels; `undefined` if it is as expected, or if any size will do. */
export function sizeFault(size: Resolution, expected: Resolution | undefined): string | undefined {
  if (size.width < 1 || size.height < 1) return 'it has no pixels';
  if (!expected || (size.width === expected.width && size.height === expected.height)) return undefined;
  return `it is ${size.width}×${size.height}, not ${expected.width}×${expected.height}`;
}

/** Exactly `length` bytes at `offset`. Throws if the file ends before. */
export async function readExactly(file: MasterBytes, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.from(await file.read(offset, length));
  if (bytes.length < length) throw new Error('it is cut off');
  return bytes;
}
