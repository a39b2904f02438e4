import { PNG } from 'pngjs';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRows } from './glyphs';
import { readPngHeader } from './png-chunks';

/** Of the picture's width, what the words take up at most. */
const WIDEST = 0.6;

/**
 * The same picture with "FRAME 12 MISSING" in its lower left corner, white on black: with letters of its own, so that no
 * font and no filter of ffmpeg's has to be there. Colour type and bit depth stay as they are. A picture that pngjs cannot decode, though
 * ffmpeg can, stays without words.
 */
export function markFrame(bytes: Uint8Array, missing: number): Uint8Array {
  try {
    return marked(bytes, missing);
  } catch {
    return bytes;
  }
}

function marked(bytes: Uint8Array, missing: number): Buffer {
  const { colourType, bitDepth } = readPngHeader(bytes)!;
  const png = PNG.sync.read(Buffer.from(bytes), { skipRescale: bitDepth === 16 });
  const { width, height } = png;
  const text = `FRAME ${missing} MISSING`;
  // A letter and the room between letters, and the same around them.
  const columns = text.length * (GLYPH_WIDTH + 1) + 1;
  const rows = GLYPH_HEIGHT + 2;
  const scale = Math.max(1, Math.floor((width * WIDEST) / columns));
  const [left, top] = [0, Math.max(0, height - rows * scale)];
  const white = bitDepth === 16 ? 0xffff : 0xff;
  for (let y = top; y < Math.min(height, top + rows * scale); y += 1) {
    for (let x = left; x < Math.min(width, left + columns * scale); x += 1) {
      const lit = isLit(text, Math.floor((x - left) / scale) - 1, Math.floor((y - top) / scale) - 1);
      png.data.fill(lit ? white : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
      png.data[(y * width + x) * 4 + 3] = white;
    }
  }
  // It lives for a moment: packed quickly, not well.
  const quickly = { deflateLevel: 1, filterType: 0 } as const;
  return PNG.sync.write(png, {
    bitDepth: bitDepth === 16 ? 16 : 8,
    colorType: writable(colourType),
    ...quickly,
  });
}

/** Whether the words have ink at this place, in pixels of their letters from the first letter's upper left corner. */
function isLit(text: string, x: number, y: number): boolean {
  const index = Math.floor(x / (GLYPH_WIDTH + 1));
  const row = x < 0 || y < 0 ? undefined : glyphRows(text[index] ?? ' ')[y];
  return row?.[x % (GLYPH_WIDTH + 1)] === '#';
}

/** pngjs writes no palettes. */
function writable(colourType: number): 0 | 2 | 4 | 6 {
  return colourType === 0 || colourType === 2 || colourType === 4 ? colourType : 6;
}
