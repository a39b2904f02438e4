import type { Resolution } from '../../core/render/resolution';
import { readExactly, sizeFault, type MasterBytes } from './master-bytes';

/** What is wrong with a WebP file. Source: RFC 9649, https://www.rfc-editor.org/rfc/rfc9649 (2.3 to 2.7, 3.4). */
export async function webpFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = Buffer.from(await file.read(0, 12));
  if (head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8) !== 'WEBP')
    return 'it is no WebP file';
  const end = 8 + head.readUInt32LE(4);
  if (end > file.size) return 'it is cut off';
  if (end < file.size) return 'something follows its end';
  const size = sizeOf(await readExactly(file, 12, 18));
  return size ? sizeFault(size, expected) : 'it holds no picture';
}

/** From the first chunk: its name and length, then a picture that is lossy or not, or what is true of all chunks. */
function sizeOf(chunk: Buffer): Resolution | undefined {
  switch (chunk.toString('latin1', 0, 4)) {
    case 'VP8X':
      return { width: chunk.readUIntLE(12, 3) + 1, height: chunk.readUIntLE(15, 3) + 1 };
    case 'VP8 ':
      return { width: chunk.readUInt16LE(14) & 0x3fff, height: chunk.readUInt16LE(16) & 0x3fff };
    case 'VP8L': {
      const bits = chunk.readUInt32LE(9);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    default:
      return undefined;
  }
}
