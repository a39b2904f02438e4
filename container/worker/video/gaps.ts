import { PNG } from 'pngjs';
import { mapConcurrently } from '../../../core/concurrency';
import type { Manifest } from '../../../core/render/manifest';
import type { Gaps } from '../../../core/render/records';
import type { Render } from '../../../core/render/render';
import type { Resolution } from '../../../core/render/video';
import { StorageError } from '../../../core/storage/storage';
import { type FrameCheck, frameFault, readPngHeader } from '../frames/png';

/** A frame of the plan, as read for the video. */
export interface ReadFrame {
  readonly frame: number;
  /** The whole PNG; absent if it is missing or damaged. */
  readonly bytes?: Uint8Array;
  /** What is wrong with a damaged frame. */
  readonly fault?: string;
}

/** A frame of the plan that is missing or damaged. */
export interface Gap {
  readonly frame: number;
  readonly fault?: string;
  /** The frame that the video shows instead. */
  readonly shown: number;
}

interface Filling {
  /** Called for each gap, in their order. */
  readonly gap: (gap: Gap) => void;
  /** Returns the picture to show instead of a missing frame. */
  readonly picture: (held: Uint8Array, missing: number) => Uint8Array;
}

/**
 * Yields one picture for each frame. A missing frame gets the picture of the previous whole frame, or of the first whole
 * frame if none precedes it. Yields nothing if all are missing. Holds two pictures at most.
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

/** A stored frame with its bytes or its fault; neither if it is missing. */
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

/** Objects read at a time. */
const AT_ONCE = 8;

/** Why a frame failed; `undefined` without a readable record. */
export async function gapReason(frame: number, render: Render): Promise<string | undefined> {
  return (await render.failure(frame).readIfValid())?.reason;
}

/** The gaps as `gaps.json` lists them, each with its reason. */
export async function gapsOf(gaps: readonly Gap[], render: Render): Promise<Gaps['gaps']> {
  // One listing replaces a request for each of many thousand gaps.
  const failed = await render.failedFrames();
  return mapConcurrently(gaps, AT_ONCE, async ({ frame, fault, shown }) => {
    const failure = failed.has(frame) ? await gapReason(frame, render) : undefined;
    const bad = fault === undefined ? undefined : `its file is damaged: ${fault}`;
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

/** Letters of 5×7 pixels, only those of "FRAME 12 MISSING". */
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

/** The rows of a letter from the top; `#` is ink. Empty for an unknown letter. */
function glyphRows(letter: string): readonly string[] {
  return GLYPHS[letter]?.split(' ') ?? [];
}

/** Width of the text at most, as a part of the picture's width. */
const WIDEST = 0.6;

/**
 * The picture with "FRAME 12 MISSING" in its lower left corner, white on black. Needs no font and no ffmpeg filter. Keeps
 * colour type and bit depth. A picture that pngjs cannot decode stays unchanged.
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
  // One column after each letter, and a margin of one pixel.
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
  // The picture is used once, so speed matters more than size.
  const quickly = { deflateLevel: 1, filterType: 0 } as const;
  return PNG.sync.write(png, {
    bitDepth: bitDepth === 16 ? 16 : 8,
    colorType: writable(colourType),
    ...quickly,
  });
}

/** Whether the text has ink here, in letter pixels from the upper left corner of its first letter. */
function isLit(text: string, x: number, y: number): boolean {
  const index = Math.floor(x / (GLYPH_WIDTH + 1));
  const row = x < 0 || y < 0 ? undefined : glyphRows(text[index] ?? ' ')[y];
  return row?.[x % (GLYPH_WIDTH + 1)] === '#';
}

/** The colour type to write: pngjs cannot write palettes. */
function writable(colourType: number): 0 | 2 | 4 | 6 {
  return colourType === 0 || colourType === 2 || colourType === 4 ? colourType : 6;
}
