import type { SliceAttempt } from '../../../../core/render/records';
import { lackingOf } from '../../../../core/report/page';

const at = '2026-01-01T00:00:00.000Z';
const frame = (number: number, lacks = false) => ({
  frame: number,
  seconds: 1,
  storedAt: at,
  bytes: 1,
  ...(lacks && { lacks: true as const }),
});
const attempt = (changes: Partial<SliceAttempt>): SliceAttempt => ({
  attempt: 1,
  startedAt: at,
  kept: 0,
  frames: [],
  failed: [],
  ...changes,
});

test('slices whose frames had all their files lack nothing', () => {
  expect(lackingOf([{ version: 1, slice: 0, attempts: [attempt({ frames: [frame(1)] })] }])).toBeUndefined();
});

test('files of several slices are counted once', () => {
  const slice = (index: number, files: string[]) => ({
    version: 1 as const,
    slice: index,
    attempts: [attempt({ frames: [frame(index, true)], missingFiles: files })],
  });
  expect(lackingOf([slice(0, ['//b.png', '//a.png']), slice(1, ['//a.png'])])).toEqual({
    version: 1,
    frames: 2,
    count: 2,
    files: ['//a.png', '//b.png'],
  });
});

test('a frame that was rendered again with its files lacks nothing any more', () => {
  const first = attempt({ frames: [frame(1, true)], missingFiles: ['//a.png'] });
  const second = attempt({ attempt: 2, frames: [frame(1)] });
  expect(lackingOf([{ version: 1, slice: 0, attempts: [first, second] }])).toBeUndefined();
});
