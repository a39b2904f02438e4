import { PNG } from 'pngjs';
import { mapConcurrently } from '../../../core/concurrency';
import type { Manifest } from '../../../core/render/manifest';
import type { Gaps } from '../../../core/render/records';
import type { Render } from '../../../core/render/render';
import type { Resolution } from '../../../core/render/video';
import { StorageError } from '../../../core/storage/storage';
import { type FrameCheck, frameFault, readPngHeader } from '../frames/png';

/** A frame of the plan on its way into the video. */
export interface ReadFrame {
  readonly frame: number;
  /** Of a PNG that was found whole; absent for a frame that is missing. */
  readonly bytes?: Uint8Array | undefined;
  /** What is wrong with a frame that is there. */
  readonly fault?: string | undefined;
}

/** A frame of the plan that is missing. */
export interface Gap {
  readonly frame: number;
  readonly fault?: string | undefined;
  /** The frame whose picture stands in its place. */
  readonly shown: number;
}

interface Filling {
  /** Told of each gap, in their order. */
  readonly gap: (gap: Gap) => void;
  /** The picture to be shown in place of a missing frame. */
  readonly picture: (held: Uint8Array, missing: number) => Uint8Array;
}

/**
 * One picture for each frame that comes: its own, or where it is missing that of the frame before it; before the first
 * that is there, that one's. Two pictures are held at most. Of frames that are all missing nothing comes.
 */
export async function* fillGaps(
  frames: AsyncIterable<ReadFrame>,
  { gap, picture }: Filling,
): AsyncGenerator<Uint8Array> {
  const leading: ReadFrame[] = [];
  let held: { readonly frame: number; readonly bytes: Uint8Array } | undefined;
  for await (const { frame, bytes, fault } of frames) {
    if (bytes) {
      held = { frame, bytes };
      for (const before of leading.splice(0)) {
        gap({ frame: before.frame, fault: before.fault, shown: frame });
        yield picture(bytes, before.frame);
      }
      yield bytes;
    } else if (held) {
      gap({ frame, fault, shown: held.frame });
      yield picture(held.bytes, frame);
    } else {
      leading.push({ frame, fault });
    }
  }
}

/** A stored frame with its bytes, or what is wrong with it; neither if it is missing. */
export async function readFrame(
  frame: number,
  render: Render,
  resolution: Resolution,
  check: FrameCheck = frameFault,
): Promise<ReadFrame> {
  try {
    const bytes = await render.storage.get(render.frameUrl(frame));
    const fault = await check(bytes, resolution);
    return fault === undefined ? { frame, bytes } : { frame, fault };
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return { frame };
    throw error;
  }
}

/** Objects that are asked for at a time. */
const AT_ONCE = 8;

/** Why a frame was given up; `undefined` if no readable file says so. */
export async function gapReason(frame: number, render: Render): Promise<string | undefined> {
  return (await render.failure(frame).readIfValid())?.reason;
}

/** The gaps as `gaps.json` lists them, each with its reason. */
export async function gapsOf(gaps: readonly Gap[], render: Render): Promise<Gaps['gaps']> {
  // One listing in place of a request for each of many thousand gaps.
  const failed = await render.failedFrames();
  return mapConcurrently(gaps, AT_ONCE, async ({ frame, fault, shown }) => {
    const failure = failed.has(frame) ? await gapReason(frame, render) : undefined;
    const bad = fault === undefined ? undefined : `its file is not whole: ${fault}`;
    return { frame, reason: bad ?? failure ?? 'it was not rendered', shown };
  });
}

/** Whether any of the gaps still exists. */
export async function stillMissing(
  gaps: readonly Gap[],
  { manifest, input }: { readonly manifest: Manifest; readonly input: Render },
): Promise<boolean> {
  const there = await input.storedFrames(manifest);
  if (gaps.some(({ frame }) => !there.has(frame))) return true;
  for (const { frame } of gaps) {
    const { bytes } = await readFrame(frame, input, manifest.resolution);
    if (!bytes) return true;
  }
  return false;
}

/** Letters of 5×7 pixels: as many as it takes to say which frame is missing. */
const GLYPH_WIDTH = 5;
const GLYPH_HEIGHT = 7;

const GLYPHS: Readonly<Record<string, string>> = {
  0: '.###. #...# #..## #.#.# ##..# #...# .###.',
  1: '..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.',
  2: '.###. #...# ....# ...#. ..#.. .#... #####',
  3: '##### ...#. ..#.. ...#. ....# #...# .###.',
  4: '...#. ..##. .#.#. #..#. ##### ...#. ...#.',
  5: '##### #.... ####. ....# ....# #...# .###.',
  6: '..##. .#... #.... ####. #...# #...# .###.',
  7: '##### ....# ...#. ..#.. .#... .#... .#...',
  8: '.###. #...# #...# .###. #...# #...# .###.',
  9: '.###. #...# #...# .#### ....# ...#. .##..',
  '-': '..... ..... ..... ##### ..... ..... .....',
  A: '.###. #...# #...# ##### #...# #...# #...#',
  E: '##### #.... #.... ####. #.... #.... #####',
  F: '##### #.... #.... ####. #.... #.... #....',
  G: '.###. #...# #.... #.### #...# #...# .####',
  I: '.###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.',
  M: '#...# ##.## #.#.# #.#.# #...# #...# #...#',
  N: '#...# #...# ##..# #.#.# #..## #...# #...#',
  R: '####. #...# #...# ####. #.#.. #..#. #...#',
  S: '.#### #.... #.... .###. ....# ....# ####.',
};

/** The rows of a letter, from above; `#` is ink. Of a letter that there is not, none. */
function glyphRows(letter: string): readonly string[] {
  return GLYPHS[letter]?.split(' ') ?? [];
}

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
