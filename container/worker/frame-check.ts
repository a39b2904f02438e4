import { PNG } from 'pngjs';
import type { Resolution } from '../../core/render/resolution';

/**
 * What is wrong with a frame's bytes; `undefined` when it is whole: it decodes to the end, its checksums hold, and it
 * has the right dimensions. The only rule by which a frame counts as rendered.
 */
export function frameFault(bytes: Uint8Array, expected: Resolution): string | undefined {
  const size = sizeOf(bytes);
  if (!size) return bytes.byteLength === 0 ? 'it is empty' : 'it is no PNG';
  // Before decoding: a picture of another size may be of any size.
  if (size.width !== expected.width || size.height !== expected.height) {
    return `it is ${size.width}×${size.height}, not ${expected.width}×${expected.height}`;
  }
  try {
    PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), { skipRescale: true });
    return undefined;
  } catch (error) {
    return `it does not decode: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Width and height from the header chunk, which must come first. Source: PNG specification, 11.2.2 IHDR. */
function sizeOf(bytes: Uint8Array): Resolution | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 24 || !buffer.subarray(0, 8).equals(SIGNATURE)) return undefined;
  return { width: buffer.readUInt32BE(16), height: buffer.readUInt32BE(20) };
}
