import { mostFrameBytes, mostVideoBytes } from '../../../../container/worker/size-bounds';

test('a frame may have 10 bytes a pixel and 16 MiB', () => {
  expect(mostFrameBytes({ width: 64, height: 48 })).toBe(64 * 48 * 10 + 16 * 1024 * 1024);
});

test('no frame may be larger than what Node reads in one piece: it aborts the worker otherwise', () => {
  const huge = { width: 65_536, height: 65_536 };
  expect(mostFrameBytes(huge)).toBe(2 ** 31 - 1);
  expect(mostVideoBytes(huge, 10)).toBeGreaterThan(2 ** 38);
});
