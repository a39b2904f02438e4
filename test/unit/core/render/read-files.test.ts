import { failureUrl } from '../../../../core/render/keys';
import { readFailures } from '../../../../core/render/read-files';
import { MemoryStorage } from '../../../support/memory-storage';

const FOLDER = new URL('memory://films/renders/shot/');

test('lists frames that were given up in order, with the reasons of the first hundred', async () => {
  const storage = new MemoryStorage();
  for (let frame = -2; frame <= 112; frame += 1) {
    const reason = `reason ${frame}`;
    const failure = { version: 1, frame, slice: 0, tries: 2, reason, failedAt: '2026-01-01T00:00:00.000Z' };
    await storage.put(failureUrl(FOLDER, frame), JSON.stringify(failure));
  }
  await storage.put(failureUrl(FOLDER, 1), 'torn');
  await storage.put(new URL('failures/notes.txt', FOLDER), 'no frame');
  const { frames, first } = await readFailures(new Set([-1, 112]), FOLDER, storage);
  expect(frames).toEqual([-2, ...Array.from({ length: 112 }, (_, i) => i)]);
  expect(first).toHaveLength(100);
  expect(first.slice(0, 3)).toEqual([
    { frame: -2, reason: 'reason -2' },
    { frame: 0, reason: 'reason 0' },
    { frame: 1, reason: 'no reason was noted' },
  ]);
});
