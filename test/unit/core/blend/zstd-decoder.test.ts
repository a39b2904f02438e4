import { ZstdDecoder } from '../../../../core/blend/zstd-decoder';
import { bombFrame, SLOW_FRAME, storedFrame } from './zstd-frames';

// On Node < 22.15 both are fzstd.
describe.each([true, false])('ZstdDecoder, native: %s', (native) => {
  test('unpacks a frame to exactly what was promised', () => {
    const content = Buffer.alloc(300_000, 'spotreel');
    const decoder = new ZstdDecoder({ native });
    expect(Buffer.from(decoder.decode(storedFrame(content), 300_000, 300_000, 0)).equals(content)).toBe(true);
    expect(decoder.decode(bombFrame(2), undefined, 262_144, 0)).toHaveLength(262_144);
    expect(decoder.decode(storedFrame(Buffer.alloc(0)), 0, 10, 0)).toHaveLength(0);
  });

  test('throws bad-zstd for more or less than that', () => {
    const decoder = new ZstdDecoder({ native });
    for (const promised of [262_143, 262_145, 0]) {
      const decode = (): unknown => decoder.decode(bombFrame(2), promised, 2 ** 30, 7);
      expect(decode).toThrow(expect.objectContaining({ code: 'bad-zstd', offset: 7 }));
    }
  });

  test('throws too-large past the limit', () => {
    const decoder = new ZstdDecoder({ native });
    const code = expect.objectContaining({ code: 'too-large' });
    expect(() => decoder.decode(bombFrame(30_000), undefined, 2 ** 20, 0)).toThrow(code);
    expect(() => decoder.decode(bombFrame(2), 262_144, 262_143, 0)).toThrow(code);
  });

  test('does not hang on a block that would be copied for minutes', () => {
    const decoder = new ZstdDecoder({ native, graceMilliseconds: 200 });
    const started = performance.now();
    for (let round = 0; round < 5; round++) {
      const decode = (): unknown => decoder.decode(SLOW_FRAME, undefined, 2 ** 20, 0);
      expect(decode).toThrow(expect.objectContaining({ code: 'bad-zstd' }));
    }
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
