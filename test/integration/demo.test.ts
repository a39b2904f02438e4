import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';
import { decodeFrame, probeVideo } from '../support/video';

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

/** The mean colour of a rectangle of RGB or RGBA bytes. */
function meanColour(
  pixels: Buffer,
  channels: 3 | 4,
  { x, y, width, height }: Clock['patches'][number],
): number[] {
  const sum = [0, 0, 0];
  for (let row = y; row < y + height; row += 1) {
    for (let column = x; column < x + width; column += 1) {
      for (let c = 0; c < 3; c += 1) sum[c]! += pixels[(row * clock.width + column) * channels + c]!;
    }
  }
  return sum.map((total) => Math.round(total / (width * height)));
}

/** Mean absolute difference of two pictures at every 101st sample, in levels of 255. */
function difference(png: Buffer, rgb: Buffer): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < rgb.length; i += 101, count += 1)
    sum += Math.abs(rgb[i]! - png[Math.floor(i / 3) * 4 + (i % 3)]!);
  return sum / count;
}

test('the video of the example has the right frames, order, timing and colours', async () => {
  const result = await spotreel([
    'render',
    join(ROOT, 'examples/clock.blend'),
    '-o',
    at('out'),
    '--frames',
    '1-72x20',
  ]);
  expect({ exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
  const folder = onlyRender(at('out'));
  const video = join(folder, 'output.mp4');
  expect(await probeVideo(video)).toMatchObject({
    nb_read_frames: '4',
    r_frame_rate: `${clock.fps}/1`,
    pix_fmt: 'yuv420p',
    color_space: 'bt709',
    width: clock.width,
    height: clock.height,
  });

  const frames = [1, 21, 41, 61].map(
    (frame) =>
      PNG.sync.read(readFileSync(join(folder, `frames/00${String(frame).padStart(2, '0')}.png`))).data,
  );
  for (const [index, png] of frames.entries()) {
    const shown = await decodeFrame(video, index);
    // The picture that is shown at this place is the one of this frame, and of no other.
    const nearest = frames.map((other) => difference(other, shown));
    expect(nearest.indexOf(Math.min(...nearest))).toBe(index);
    for (const patch of clock.patches) {
      const colours = { frame: meanColour(png, 4, patch), video: meanColour(shown, 3, patch) };
      expect(colours.frame).toEqual(patch.rgb);
      for (const [c, value] of colours.video.entries()) {
        // 8 levels: what a lossy codec with half the colour resolution does to a flat patch; a wrong matrix is off by 20.
        expect(Math.abs(value - patch.rgb[c]!)).toBeLessThanOrEqual(8);
      }
    }
  }
});
