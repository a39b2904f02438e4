import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';
import { decodeFrames, probeVideo } from '../support/video';

// A whole film; five minutes and more where others use the machine, too.
jest.setTimeout(900_000);

const at = useScratchFolder();

interface Clock {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly frames: number;
  readonly patches: ReadonlyArray<{
    name: string;
    rgb: [number, number, number];
    x: number;
    y: number;
    width: number;
    height: number;
  }>;
}

const clock: Clock = JSON.parse(readFileSync(join(ROOT, 'examples/clock.json'), 'utf8'));

/** The mean colour of a rectangle of RGB bytes. */
function meanColour(pixels: Buffer, { x, y, width, height }: Clock['patches'][number]): number[] {
  const sum = [0, 0, 0];
  for (let row = y; row < y + height; row += 1) {
    for (let column = x; column < x + width; column += 1) {
      for (let c = 0; c < 3; c += 1) sum[c]! += pixels[(row * clock.width + column) * 3 + c]!;
    }
  }
  return sum.map((total) => Math.round(total / (width * height)));
}

/** RGBA bytes as RGB bytes. */
function withoutAlpha(rgba: Buffer): Buffer {
  const rgb = Buffer.allocUnsafe((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from]!;
    rgb[to + 1] = rgba[from + 1]!;
    rgb[to + 2] = rgba[from + 2]!;
  }
  return rgb;
}

/** Mean absolute difference of two pictures of the same size, in levels of 255. */
function difference(one: Buffer, other: Buffer): number {
  // In Jest, each look at a global such as Math takes 0.1 µs or more; there are 44 million samples.
  let sum = 0;
  for (let i = 0; i < one.length; i += 1) {
    const by = one[i]! - other[i]!;
    sum += by < 0 ? -by : by;
  }
  return sum / one.length;
}

test('the video of the example has the right frames, order, timing and colours', async () => {
  const result = await spotreel([
    'render',
    join(ROOT, 'examples/clock.blend'),
    '-o',
    at('out'),
    '--frames',
    '1-72x10',
  ]);
  expect({ exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
  const folder = onlyRender(at('out'));
  const path = join(folder, 'output.mp4');
  expect(await probeVideo(path)).toMatchObject({
    nb_read_frames: '8',
    r_frame_rate: `${clock.fps}/1`,
    pix_fmt: 'yuv420p',
    color_space: 'bt709',
    width: clock.width,
    height: clock.height,
  });

  const numbers = ['01', '11', '21', '31', '41', '51', '61', '71'];
  const frames = numbers.map((number) =>
    withoutAlpha(PNG.sync.read(readFileSync(join(folder, `frames/00${number}.png`))).data),
  );
  const video = await decodeFrames(path, clock);
  expect(video).toHaveLength(frames.length);
  for (const [index, frame] of frames.entries()) {
    const shown = video[index]!;
    // The picture that is shown at this place is the one of this frame, and of no other.
    const nearest = frames.map((other) => difference(other, shown));
    expect(nearest.indexOf(Math.min(...nearest))).toBe(index);
    for (const patch of clock.patches) {
      expect(meanColour(frame, patch)).toEqual(patch.rgb);
      for (const [c, value] of meanColour(shown, patch).entries()) {
        // 8 levels: what a lossy codec with half the colour resolution does to a flat patch; a wrong matrix is off by 20.
        expect(Math.abs(value - patch.rgb[c]!)).toBeLessThanOrEqual(8);
      }
    }
  }
});
