import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { GREYS, stitchFilm, type Film } from '../support/stitched-film';
import { useScratchFolder } from '../support/scratch-folder';
import { worker } from '../support/spotreel';
import { decodeGreys, decodePixel, probeVideo } from '../support/video';

jest.setTimeout(120_000);

const at = useScratchFolder();
const stitched = (film: Film, environment: NodeJS.ProcessEnv = {}) =>
  stitchFilm(at('out'), film, environment);

/** What a format's file is: name, pixels without and with alpha, whether odd sides become even, the codec. */
const FORMATS = [
  ['h264', 'output.mp4', 'h264', 'yuv420p', 'yuv420p', true],
  ['hevc', 'output.mp4', 'hevc', 'yuv420p', 'yuv420p', true],
  ['av1', 'output.mp4', 'av1', 'yuv420p10le', 'yuv420p10le', true],
  ['prores', 'output.mov', 'prores', 'yuv444p12le', 'yuva444p12le', false],
  ['vp9', 'output.webm', 'vp9', 'yuv420p', 'yuv420p', false],
  ['gif', 'output.gif', 'gif', 'bgra', 'bgra', false],
] as const;

const SOURCES = [
  { bitDepth: 8, alpha: false, size: [32, 18] },
  { bitDepth: 16, alpha: true, size: [33, 17] },
  { bitDepth: 16, alpha: false, size: [33, 17] },
  { bitDepth: 8, alpha: true, size: [32, 18] },
] as const;

describe.each(FORMATS)('%s', (video, name, codec, opaque, seeThrough, even) => {
  test.each(fewOrAll('videos', SOURCES, (_, index) => index === 1))(
    'from $bitDepth bits, alpha $alpha, $size',
    async (source) => {
      // SVT-AV1 has a least size.
      const size = video === 'av1' ? ([source.size[0] + 48, source.size[1] + 48] as const) : source.size;
      const result = await stitched({ ...source, size, options: { video } });
      expect(result).toMatchObject({ exitCode: 0 });
      const path = at('out', name);
      const facts = await probeVideo(path);
      const side = (pixels: number) => (even ? Math.ceil(pixels / 2) * 2 : pixels);
      expect(facts).toMatchObject({
        codec_name: codec,
        nb_read_frames: '5',
        pix_fmt: source.alpha ? seeThrough : opaque,
        width: side(size[0]),
        height: side(size[1]),
      });
      // In GIF time goes by hundredths, in WebM by thousandths of a second.
      expect(Math.abs(Number(facts.duration ?? facts.format.duration) - (5 * 1001) / 24000)).toBeLessThan(
        0.01,
      );
      const tags =
        video === 'gif' ? {} : { color_space: 'bt709', color_primaries: 'bt709', color_transfer: 'bt709' };
      expect(facts).toMatchObject(tags);
      const greys = await decodeGreys(path);
      // Over black where the format is not see-through; ffmpeg's own decoder of VP9 leaves the alpha out.
      const shown = source.alpha && opaque === seeThrough && video !== 'vp9' ? 128 / 255 : 1;
      expect(greys).toHaveLength(5);
      greys.forEach((grey, i) => expect(Math.abs(grey - GREYS[i]! * shown)).toBeLessThan(5));
    },
  );
});

const WITH_ALPHA = [
  ['prores', 'output.mov', 'prores'],
  ['vp9', 'output.webm', 'libvpx-vp9'],
] as const;

test.each(fewOrAll('videos', WITH_ALPHA, ([video]) => video === 'prores'))(
  'video %s keeps alpha',
  async (video, name, decoder) => {
    await stitched({ options: { video }, bitDepth: 8, alpha: true, size: [32, 18] });
    const [, , , alpha] = await decodePixel(at('out', name), decoder);
    expect(Math.abs(alpha! - 128)).toBeLessThan(4);
  },
);

if (runsHeavy('videos'))
  test('half see-through frames show the chosen background colour', async () => {
    const options = { video: 'h264', background: 'ff0000' } as const;
    await stitched({ options, bitDepth: 8, alpha: true, size: [32, 18] });
    const [red, green, blue] = await decodePixel(at('out/output.mp4'), 'h264');
    // The first frame's grey is 30.
    expect([red! - 142, green! - 15, blue! - 15].every((difference) => Math.abs(difference) < 8)).toBe(true);
  });

const EXTREMES = [
  ['h264', [1, 1], 1, [24, 1]],
  ['h264', [33, 17], 5, [1, 1000]],
  ['hevc', [33, 17], 2, [120000, 1001]],
  ['av1', [63, 64], 2, [24, 1]],
  ['prores', [1, 1], 1, [24, 1]],
  ['vp9', [1, 1], 1, [1, 1000]],
  ['gif', [1, 1], 1, [50, 1]],
] as const;

test.each(fewOrAll('videos', EXTREMES, ([video], index) => video === 'h264' && index === 0))(
  'video %s of %j pixels has %i frames at %j fps',
  async (video, size, frames, rate) => {
    const result = await stitched({ options: { video }, bitDepth: 8, alpha: false, size, frames, rate });
    expect(result).toMatchObject({ exitCode: 0 });
    const [, name] = FORMATS.find(([format]) => format === video)!;
    const { nb_read_frames, avg_frame_rate } = await probeVideo(at('out', name));
    expect(nb_read_frames).toBe(String(frames));
    expect(['vp9', 'gif'].includes(video) || avg_frame_rate === rate.join('/')).toBe(true);
  },
);

test('--video none checks the frames and makes no video', async () => {
  const result = await stitched({ options: { video: 'none' }, bitDepth: 8, alpha: false, size: [32, 18] });
  expect(result).toMatchObject({ exitCode: 0 });
  expect(readdirSync(at('out')).filter((name) => name.startsWith('output'))).toEqual([]);
  writeFileSync(at('out/frames/0003.png'), '');
  const bad = await worker(['stitch', '-i', at('out'), '-o', at('out')]);
  expect(bad).toMatchObject({ exitCode: 65, stdout: expect.stringContaining('frame 3') });
});

test('an ffmpeg without the encoder is reported with a fix', async () => {
  const lacking = at('ffmpeg');
  writeFileSync(lacking, '#!/bin/sh\necho "Codec \'libx265\' is not recognized by FFmpeg."\n');
  chmodSync(lacking, 0o755);
  const film: Film = { options: { video: 'hevc' }, bitDepth: 8, alpha: false, size: [32, 18] };
  const { exitCode, stdout } = await stitched(film, { SPOTREEL_FFMPEG: lacking });
  expect(exitCode).toBe(64);
  expect(stdout).toContain('has no encoder libx265, which video hevc needs');
  expect(stdout).toContain(join(lacking));
});

if (runsHeavy('videos'))
  test('frames up to 105,999 are in the film in order', async () => {
    // Names of five and of six digits.
    const [first, frames] = [95_000, 11_000];
    const film: Film = { options: {}, bitDepth: 8, alpha: false, size: [16, 16], first, frames };
    expect(await stitched(film)).toMatchObject({ exitCode: 0 });
    const greys = await decodeGreys(at('out/output.mp4'));
    expect(greys).toHaveLength(frames);
    expect(greys.every((grey, i) => Math.abs(grey - GREYS[i % GREYS.length]!) < 8)).toBe(true);
    const preview = await probeVideo(at('out/preview.mp4'));
    expect(Number(preview.nb_read_frames)).toBeLessThanOrEqual(601);
    expect(Math.abs(Number(preview.format.duration) - (frames * 1001) / 24000)).toBeLessThan(10);
  }, 600_000);
