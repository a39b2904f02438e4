import { failureUrl } from '../../../../core/contract/keys';
import { MemoryStorage } from '../../../../core/storage/memory-storage';
import { readFailures } from '../../../../core/storage/read-failures';

const FOLDER = new URL('memory://films/renders/shot/');

test('frames that were given up, in order, and why the first ten were; those that came after all are none', async () => {
  const storage = new MemoryStorage();
  for (let frame = -2; frame <= 12; frame += 1) {
    const reason = `reason ${frame}`;
    const failure = { version: 1, frame, slice: 0, tries: 2, reason, failedAt: '2026-01-01T00:00:00.000Z' };
    await storage.put(failureUrl(FOLDER, frame), JSON.stringify(failure));
  }
  await storage.put(failureUrl(FOLDER, 1), 'torn');
  await storage.put(new URL('failures/notes.txt', FOLDER), 'no frame');
  const { frames, first } = await readFailures(new Set([-1, 12]), FOLDER, storage);
  expect(frames).toEqual([-2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(first).toHaveLength(10);
  expect(first.slice(0, 3)).toEqual([
    { frame: -2, reason: 'reason -2' },
    { frame: 0, reason: 'reason 0' },
    { frame: 1, reason: 'no reason was noted' },
  ]);
});
