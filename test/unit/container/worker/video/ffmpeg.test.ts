import {
  ffmpegArgs,
  parseFfmpegProgress,
  soundArgs,
  soundEncoderOf,
  type VideoOptions,
} from '../../../../../container/worker/video/ffmpeg';

const options: VideoOptions = {
  format: 'h264',
  frameRate: { numerator: 24000, denominator: 1001 },
  alpha: false,
  background: '000000',
  path: '/scratch/output.mp4',
};
const args = ffmpegArgs(options);
const after = (flag: string) => args[args.indexOf(flag) + 1];

test('the arguments of ffmpeg give the frame rate as a fraction, before the input', () => {
  expect(after('-framerate')).toBe('24000/1001');
  expect(args.indexOf('-framerate')).toBeLessThan(args.indexOf('-i'));
});

test('the arguments of ffmpeg make a video for browsers: H.264, yuv420p, even size, index first', () => {
  expect(after('-c:v')).toBe('png');
  expect(args.slice(args.lastIndexOf('-c:v'))[1]).toBe('libx264');
  expect(after('-filter_complex')).toContain('format=yuv420p');
  expect(after('-filter_complex')).toContain('pad=ceil(iw/2)*2:ceil(ih/2)*2');
  expect(after('-movflags')).toBe('+faststart');
});

test('the arguments of ffmpeg read frames from a pipe, not by number', () => {
  expect(after('-i')).toBe('pipe:0');
  expect(after('-f')).toBe('image2pipe');
});

test.each([
  ['frame=48', 48],
  ['frame=  7', 7],
  ['fps=12.5', undefined],
  ['progress=end', undefined],
])('the progress line "%s" of ffmpeg gives a frame count or none', (line, frames) => {
  expect(parseFfmpegProgress(line)).toBe(frames);
});

test('the arguments of ffmpeg add sound as a second input', () => {
  const heard = ffmpegArgs({ ...options, sound: '/scratch/sound.flac' });
  const inputs = heard.flatMap((arg, i) => (heard[i - 1] === '-i' ? [arg] : []));
  expect(inputs).toEqual(['pipe:0', '/scratch/sound.flac']);
  expect(heard.join(' ')).toContain('-map 1:a -c:a aac');
  expect(heard.at(-1)).toBe(options.path);
  expect(args).not.toContain('1:a');
});

test('the arguments for a GIF ignore sound', () => {
  expect(soundEncoderOf('gif')).toBeUndefined();
  const gif = { ...options, format: 'gif' } as const;
  expect(ffmpegArgs({ ...gif, sound: '/scratch/sound.flac' })).toEqual(ffmpegArgs(gif));
});

test.each([
  [1, 24, 1, 2000],
  [190, 30000, 1001, 304_304],
  [1, 1, 1000, 48_000_000],
  [100_000, 120_000, 1001, 40_040_000],
])('%i frames at %i/%i fps are %i samples', (frameCount, numerator, denominator, samples) => {
  const sound = soundArgs('/m.flac', { frameCount, frameRate: { numerator, denominator } }, '/s.flac');
  expect(sound[sound.indexOf('-af') + 1]).toContain(`apad,atrim=end_sample=${samples}`);
});

test('the arguments of ffmpeg make a preview as a second output with the same sound', () => {
  const preview = { filter: 'scale=640:-2', codec: ['-c:v', 'libx264'], path: '/scratch/preview.mp4' };
  const both = ffmpegArgs({ ...options, sound: '/scratch/sound.flac', preview });
  expect(both.filter((arg) => arg === '-i')).toHaveLength(2);
  expect(both.filter((arg) => arg === '1:a')).toHaveLength(2);
  expect(both.at(-1)).toBe(preview.path);
});

test.each([
  ['h264', '[0:v]pad'],
  ['prores', '[0:v]split'],
] as const)(
  'the graph for %s begins with %s: only 8-bit videos share their pixels with the preview',
  (format, start) => {
    const preview = { filter: 'scale=640:-2', codec: [], path: '/scratch/preview.mp4' };
    const shared = ffmpegArgs({ ...options, format, preview });
    expect(shared[shared.indexOf('-filter_complex') + 1]!.startsWith(start)).toBe(true);
  },
);
