import { mostFrameBytes, mostVideoBytes } from '../../../../../container/worker/frames/saved-files';

test('the size limit of a frame is 10 bytes per pixel and 16 MiB', () => {
  expect(mostFrameBytes({ width: 64, height: 48 })).toBe(64 * 48 * 10 + 16 * 1024 * 1024);
});

test('the size limit of a frame never exceeds what Node can read at once', () => {
  const huge = { width: 65_536, height: 65_536 };
  expect(mostFrameBytes(huge)).toBe(2 ** 31 - 1);
  expect(mostVideoBytes(huge, 10)).toBeGreaterThan(2 ** 38);
});
