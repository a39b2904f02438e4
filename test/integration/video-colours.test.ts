import { readFileSync } from 'node:fs';
import { VIDEO_FILES } from '../../core/render/video';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { type Film, stitchFilm } from '../support/stitched-film';
import { decodeFrame, decodeRow, probeVideo } from '../support/video';

jest.setTimeout(240_000);

const at = useScratchFolder();

/** Each of the 256 greys, in bars of 4 pixels. */
const RAMP = { size: [1024, 64], frames: 2 } as const;
const greyAt = (x: number) => Math.floor(x / 4);
const ramp = (bitDepth: 8 | 16, alpha: boolean): Film => {
  const scale = bitDepth === 8 ? 1 : 257;
  const pixel: Film['pixel'] = (x) => {
    const grey = greyAt(x) * scale;
    return [grey, grey, grey, 255 * scale];
  };
  return { ...RAMP, options: {}, bitDepth, alpha, pixel };
};

/** How far a row of RGB pixels is from the ramp, in the middle of its bars, and how far its channels are from each other. */
function faultsOf(pixels: Buffer, width: number) {
  let [error, tint] = [0, 0];
  for (let grey = 0; grey < 256; grey += 1) {
    const x = Math.floor(((grey + 0.5) * width) / 256);
    const channels = [...pixels.subarray(x * 3, x * 3 + 3)];
    error = Math.max(error, ...channels.map((value) => Math.abs(value - grey)));
    tint = Math.max(tint, Math.max(...channels) - Math.min(...channels));
  }
  return { error, tint };
}

const SOURCES = [
  [8, true],
  [16, false],
] as const;

describe.each(fewOrAll('videos', SOURCES, ([bits]) => bits === 8))(
  'greys of %i bits, alpha %j',
  (bitDepth, alpha) => {
    const videos = ['h264', 'av1'] as const;
    test.each(fewOrAll('videos', videos, (video) => video === 'h264'))(
      'stay grey in video %s',
      async (video) => {
        expect(await stitchFilm(at('out'), { ...ramp(bitDepth, alpha), options: { video } })).toMatchObject({
          exitCode: 0,
        });
        const { error, tint } = faultsOf(await decodeFrame(at('out/output.mp4')), RAMP.size[0]);
        // Encoders lose a little, which is the same in all channels.
        expect({ tint, isClose: error <= 3 }).toEqual({ tint: 0, isClose: true });
      },
    );

    test('stay grey in poster, contact sheet and preview', async () => {
      await stitchFilm(at('out'), ramp(bitDepth, alpha));
      const poster = await decodeRow(at('out/poster.jpg'), 32);
      expect(faultsOf(poster, 1024)).toEqual({ error: expect.any(Number), tint: 0 });
      expect(faultsOf(poster, 1024).error).toBeLessThanOrEqual(1);
      // Tiles of 320×20 pixels after a margin of 4; below the number.
      const sheet = (await decodeRow(at('out/contact-sheet.jpg'), 4 + 16)).subarray(4 * 3);
      const tile = Array.from({ length: 240 }, (_, x) => sheet.subarray((x + 70) * 3, (x + 70) * 3 + 3));
      expect(Math.max(...tile.map(([r, g, b]) => Math.max(r!, g!, b!) - Math.min(r!, g!, b!)))).toBe(0);
      const preview = await decodeRow(at('out/preview.mp4'), 20);
      for (let x = 0; x < 640; x += 1) expect(new Set(preview.subarray(x * 3, x * 3 + 3)).size).toBe(1);
    });
  },
);

const BT2020 = { color_primaries: 'bt2020', color_transfer: 'bt709', color_space: 'bt2020nc' };
const BT709 = { color_primaries: 'bt709', color_transfer: 'bt709', color_space: 'bt709' };
const PQ = { ...BT2020, color_transfer: 'smpte2084' };

/** Display, format, tags, pixels, and what an MP4's `colr` box says (ISO/IEC 23091-2: primaries, transfer, matrix). */
const TAGGED = [
  ['rec2100-pq', 'hevc', PQ, 'yuv420p10le', [9, 16, 9]],
  ['rec2100-pq', 'av1', PQ, 'yuv420p10le', [9, 16, 9]],
  ['rec2100-pq', 'h264', PQ, 'yuv420p', [9, 16, 9]],
  ['rec2100-pq', 'prores', PQ, 'yuva444p12le', [9, 16, 9]],
  ['rec2100-pq', 'vp9', PQ, 'yuv420p', undefined],
  ['rec2100-hlg', 'hevc', { ...BT2020, color_transfer: 'arib-std-b67' }, 'yuv420p10le', [9, 18, 9]],
  ['display-p3', 'hevc', { ...BT709, color_primaries: 'smpte432' }, 'yuv420p10le', [12, 1, 1]],
  ['rec2020', 'hevc', BT2020, 'yuv420p10le', [9, 1, 9]],
  [undefined, 'hevc', BT709, 'yuv420p', [1, 1, 1]],
] as const;

const COLOURFUL: Film['pixel'] = (x) => [40_000, 12_345 + 8 * x, 3000, 65_535];

/** The display with most tags, and the encoder that most HDR videos have. */
const isTagged = ([display, video]: (typeof TAGGED)[number]): boolean =>
  display === 'rec2100-pq' && video === 'hevc';

test.each(fewOrAll('videos', TAGGED, isTagged))(
  'the display %s decides the colour tags of video %s',
  async (display, video, tags, pix_fmt, colr) => {
    const film: Film = { options: { video }, bitDepth: 16, alpha: true, size: [96, 64], frames: 2 };
    const result = await stitchFilm(at('out'), {
      ...film,
      pixel: COLOURFUL,
      ...(display && { plan: { display } }),
    });
    expect(result).toMatchObject({ exitCode: 0 });
    const path = at('out', `output.${VIDEO_FILES[video].ending}`);
    expect(await probeVideo(path)).toMatchObject({ ...tags, color_range: 'tv', pix_fmt });
    expect(await probeVideo(at('out/preview.mp4'))).toMatchObject({ ...tags, pix_fmt: 'yuv420p' });
    expect(colrOf(path)).toEqual(colr);
    const matrix = tags.color_space === 'bt2020nc' ? 'bt2020' : 'bt709';
    const [r, g, b] = (await decodeFrame(path, 0, matrix)).subarray(48 * 3, 48 * 3 + 3);
    const distance = Math.max(Math.abs(r! - 156), Math.abs(g! - 50), Math.abs(b! - 12));
    expect(distance).toBeLessThanOrEqual(3);
  },
);

/** What an MP4's or MOV's `colr` box says; by it Apple's players go. */
function colrOf(path: string): number[] | undefined {
  const bytes = readFileSync(path);
  const start = bytes.indexOf('colr');
  if (start < 0) return undefined;
  return [8, 10, 12].map((offset) => bytes.readUInt16BE(start + offset));
}

if (runsHeavy('videos'))
  test('see-through frames keep 10 bits', async () => {
    // Steps that 8 bits do not have.
    const pixel: Film['pixel'] = (x) => {
      const grey = 20_000 + Math.floor(x / 16) * 64;
      return [grey, grey, grey, 65_535];
    };
    const film: Film = { options: { video: 'hevc' }, bitDepth: 16, alpha: true, size: [256, 64], pixel };
    await stitchFilm(at('out'), { ...film, frames: 2, plan: { display: 'rec2100-pq' } });
    const row = await decodeRow(at('out/output.mp4'), 32, 'gray16le');
    const greys = new Set(Array.from({ length: 256 }, (_, x) => row.readUInt16LE(x * 2)));
    expect(greys.size).toBeGreaterThan(12);
  });

/** Pixels, format, what the video says of them, and its size. */
const ASPECTS = [
  [[64, 45], 'h264', '64:45', 96, 64],
  [[64, 45], 'hevc', '64:45', 96, 64],
  [[64, 45], 'av1', '64:45', 96, 64],
  [[64, 45], 'prores', '64:45', 96, 64],
  // Matroska has whole pixels, so that Blender's own WebM says the like.
  [[64, 45], 'vp9', expect.stringMatching(/^(64:45|137:96)$/), 96, 64],
  [[64, 45], 'gif', '1:1', 137, 64],
  [[1, 2], 'h264', '1:2', 96, 64],
  [[1, 2], 'gif', '1:1', 96, 128],
  [undefined, 'h264', '1:1', 96, 64],
] as const;

const isUsualAspect = ([aspect, video]: (typeof ASPECTS)[number]): boolean =>
  aspect?.[0] === 64 && video === 'h264';

test.each(fewOrAll('videos', ASPECTS, isUsualAspect))(
  'pixels are %j in video %s, regardless of the pictures',
  async (aspect, video, sar, width, height) => {
    const [numerator, denominator] = aspect ?? [1, 1];
    const plan = aspect && { pixelAspect: { numerator, denominator } };
    const film: Film = { options: { video }, bitDepth: 8, alpha: false, size: [96, 64], frames: 2 };
    await stitchFilm(at('out'), { ...film, physical: [45, 64], ...(plan && { plan }) });
    const path = at('out', `output.${VIDEO_FILES[video].ending}`);
    expect(await probeVideo(path)).toMatchObject({ width, height, sample_aspect_ratio: sar });
    const shape = (96 * numerator) / (64 * denominator);
    for (const picture of ['poster.jpg', 'preview.mp4']) {
      const shown = await probeVideo(at('out', picture));
      expect(shown.sample_aspect_ratio).toBe('1:1');
      expect(Math.abs(shown.width / shown.height / shape - 1)).toBeLessThan(0.03);
    }
  },
);
