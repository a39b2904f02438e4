import { videoFault } from '../../../../core/render/video-limits';

const fps = (numerator: number, denominator = 1) => ({ numerator, denominator });

test.each([
  ['h264', [1, 1], fps(1, 1000)],
  ['h264', [1, 1], fps(120_000, 1001)],
  ['hevc', [15, 16], fps(24)],
  ['av1', [63, 64], fps(24)],
  ['gif', [1, 1], fps(50)],
  ['gif', [1, 1], fps(1, 655)],
  ['none', [1, 1], fps(1000)],
] as const)('%s of %j at %j can be', (video, [width, height], rate) => {
  expect(videoFault(video, { width, height }, rate)).toBeUndefined();
});

test.each([
  ['hevc', [14, 64], fps(24), '14×64 pixels are too few for video hevc'],
  ['av1', [64, 36], fps(24), '64×36 pixels are too few for video av1'],
  ['gif', [64, 36], fps(60_000, 1001), '60000/1001 frames per second are not for video gif'],
  ['gif', [64, 36], fps(1, 656), '1/656 frames per second'],
] as const)('%s of %j at %j can not', (video, [width, height], rate, words) => {
  expect(videoFault(video, { width, height }, rate)).toContain(words);
});
