import fc from 'fast-check';
import { fillGaps, type Gap, type ReadFrame } from '../../../../container/worker/fill-gaps';

const bytesOf = (frame: number) => Uint8Array.of(frame);

async function filled(there: readonly boolean[]) {
  async function* frames(): AsyncGenerator<ReadFrame> {
    for (const [frame, whole] of there.entries()) yield whole ? { frame, bytes: bytesOf(frame) } : { frame };
  }
  const gaps: Gap[] = [];
  const shown: string[] = [];
  const picture = (held: Uint8Array, missing: number) => Uint8Array.of(...held, missing);
  for await (const bytes of fillGaps(frames(), { gap: (gap) => gaps.push(gap), picture })) {
    shown.push(bytes.join());
  }
  return { gaps, shown };
}

test('fillGaps shows the frame before a gap, and at the beginning the next frame', async () => {
  const { gaps, shown } = await filled([false, false, true, false, true, false]);
  expect(shown).toEqual(['2,0', '2,1', '2', '2,3', '4', '4,5']);
  expect(gaps.map((gap) => [gap.frame, gap.shown])).toEqual([
    [0, 2],
    [1, 2],
    [3, 2],
    [5, 4],
  ]);
});

test('fillGaps gives a picture for each frame and lists each missing frame as a gap', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean()), async (there) => {
      const { gaps, shown } = await filled(there);
      const any = there.includes(true);
      expect(shown).toHaveLength(any ? there.length : 0);
      expect(gaps.map(({ frame }) => frame)).toEqual(
        any ? [...there.keys()].filter((frame) => !there[frame]) : [],
      );
      expect(gaps.every((gap) => there[gap.shown])).toBe(true);
    }),
  );
});
