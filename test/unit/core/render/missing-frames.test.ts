import fc from 'fast-check';
import { framesAt } from '../../../../core/render/frames';
import { Render } from '../../../../core/render/render';
import {
  chooseRetry,
  childrenOfFrames,
  SLICE_ORDERS,
  sliceOfChild,
  slicePositions,
} from '../../../../core/render/slices';
import { MemoryStorage } from '../../../support/memory-storage';
import { failureUrl, frameUrl, gapsUrl } from '../../../support/render-urls';
import { manifestFor } from '../../../support/stored-render';

const FOLDER = new URL('memory://films/renders/shot/');
const MANIFEST = manifestFor('shot', 12, { framesPerSlice: 2, sliceCount: 6 });

test('each frame is found with the child that renders it, whatever the order of slices', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(...SLICE_ORDERS),
      fc.integer({ min: 1, max: 3 }),
      (frameCount, framesPerSlice, sliceOrder, step) => {
        const frames = [{ start: -3, end: -3 + (frameCount - 1) * step, step }];
        const sliceCount = Math.ceil(frameCount / framesPerSlice);
        const all = framesAt(frames, 0, frameCount - 1);
        const children = childrenOfFrames(new Set([...all, 1_000_000]), {
          frames,
          framesPerSlice,
          sliceCount,
          sliceOrder,
        });
        expect(children.size).toBe(frameCount);
        for (let child = 0; child < sliceCount; child += 1) {
          const slice = sliceOfChild(child, sliceCount, sliceOrder);
          const { first, last } = slicePositions(slice, framesPerSlice, frameCount);
          for (const frame of framesAt(frames, first, last)) expect(children.get(frame)).toBe(child);
        }
      },
    ),
  );
});

const MISSING = { missing: new Set([1, 4, 9, 10]), failed: new Set([4, 10]) };

test.each<[string, Parameters<typeof chooseRetry>[2], ReturnType<typeof chooseRetry>]>([
  ['all that is missing', {}, { slices: [0, 1, 4], frames: [1, 4, 9, 10], partial: false }],
  ['what failed', { failed: true }, { slices: [1, 4], frames: [4, 10], partial: true }],
  ['what is named', { frames: new Set([2, 9, 4]) }, { slices: [1, 4], frames: [4, 9], partial: true }],
  ['both', { frames: new Set([1, 10]), failed: true }, { slices: [4], frames: [10], partial: true }],
  ['nothing', { frames: new Set([2]) }, { slices: [], frames: [], partial: true }],
])('%s', (_, asked, choice) => expect(chooseRetry(MANIFEST, MISSING, asked)).toEqual(choice));

test('missing is what has no file, and a file that the video shows to be bad, until another has come', async () => {
  const storage = new MemoryStorage();
  for (let frame = 1; frame <= 10; frame += 1) await storage.put(frameUrl(FOLDER, frame), 'x');
  for (const frame of [5, 11]) {
    const failure = {
      version: 1,
      frame,
      slice: 0,
      tries: 2,
      reason: 'x',
      failedAt: '2026-01-01T00:00:00.000Z',
    };
    await storage.put(failureUrl(FOLDER, frame), JSON.stringify(failure));
  }
  const { lastModified } = (await storage.head(frameUrl(FOLDER, 3)))!;
  const gap = (frame: number) => ({ frame, reason: 'x', shown: 1 });
  const gaps = (at: Date) => ({
    version: 1,
    at: at.toISOString(),
    frameCount: 12,
    marked: false,
    gaps: [3, 11, 12].map(gap),
  });
  await storage.put(gapsUrl(FOLDER), JSON.stringify(gaps(lastModified)));
  const found = await Render.in(FOLDER, storage).missingFrames(MANIFEST);
  expect({ missing: [...found.missing], failed: [...found.failed] }).toEqual({
    missing: [3, 11, 12],
    failed: [11],
  });
  // The frame is of later than the video.
  await storage.put(gapsUrl(FOLDER), JSON.stringify(gaps(new Date(lastModified.getTime() - 1000))));
  expect([...(await Render.in(FOLDER, storage).missingFrames(MANIFEST)).missing]).toEqual([11, 12]);
});
