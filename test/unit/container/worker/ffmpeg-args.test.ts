import { ffmpegArgs, parseProgress } from '../../../../container/worker/ffmpeg-args';

const args = ffmpegArgs({
  format: 'h264',
  frameRate: { numerator: 24000, denominator: 1001 },
  alpha: false,
  background: '000000',
  path: '/scratch/output.mp4',
});
const after = (flag: string) => args[args.indexOf(flag) + 1];

test('the frame rate is a fraction, and stands before the input', () => {
  expect(after('-framerate')).toBe('24000/1001');
  expect(args.indexOf('-framerate')).toBeLessThan(args.indexOf('-i'));
});

test('browsers play it: H.264, yuv420p, even dimensions, index at the front', () => {
  expect(after('-c:v')).toBe('png');
  expect(args.slice(args.lastIndexOf('-c:v'))[1]).toBe('libx264');
  expect(after('-vf')).toContain('format=yuv420p');
  expect(after('-vf')).toContain('pad=ceil(iw/2)*2:ceil(ih/2)*2');
  expect(after('-movflags')).toBe('+faststart');
});

test('frames come over a pipe: no numbering is involved', () => {
  expect(after('-i')).toBe('pipe:0');
  expect(after('-f')).toBe('image2pipe');
});

test.each([
  ['frame=48', 48],
  ['frame=  7', 7],
  ['fps=12.5', undefined],
  ['progress=end', undefined],
])('progress "%s"', (line, frames) => {
  expect(parseProgress(line)).toBe(frames);
});
