import fc from 'fast-check';
import { evenlySpaced } from '../../../../core/render/evenly-spaced';

test('evenly spaced frames begin and end the shot, ascend, and are never more than asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 2, max: 40 }), (count, most) => {
      const frames = Array.from({ length: count }, (_, i) => i * 3 - 7);
      const some = evenlySpaced(frames, most);
      expect(some).toHaveLength(Math.min(count, most));
      expect([some[0], some.at(-1)]).toEqual([frames[0], frames.at(-1)]);
      const gaps = some.slice(1).map((frame, i) => frame - some[i]!);
      // As even as whole frames can be.
      expect(Math.max(0, ...gaps) - Math.min(Infinity, ...gaps)).toBeLessThanOrEqual(3);
      expect(new Set(some).size).toBe(some.length);
    }),
  );
});
