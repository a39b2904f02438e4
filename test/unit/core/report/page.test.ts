import type { SliceAttempt } from '../../../../core/render/records';
import { quartilesOf } from '../../../../core/render/slice-figures';
import { lackingOf, reportPage } from '../../../../core/report/page';
import { manifestFor } from '../../../support/stored-render';

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

test('slices report no missing files if their frames had all files', () => {
  expect(lackingOf([{ version: 1, slice: 0, attempts: [attempt({ frames: [frame(1)] })] }])).toBeUndefined();
});

test('a file that several slices lack is counted once', () => {
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

test('a frame that was rendered again with its files lacks nothing', () => {
  const first = attempt({ frames: [frame(1, true)], missingFiles: ['//a.png'] });
  const second = attempt({ attempt: 2, frames: [frame(1)] });
  expect(lackingOf([{ version: 1, slice: 0, attempts: [first, second] }])).toBeUndefined();
});

describe('reportPage', () => {
  const rows = (changes: Parameters<typeof manifestFor>[2], seconds: readonly number[]) => {
    const frames = seconds.map((value, index) => ({ ...frame(index + 1), seconds: value }));
    const slices = [{ version: 1 as const, slice: 0, attempts: [attempt({ frames })] }];
    const manifest = manifestFor('shot', 4, changes);
    const page = reportPage({ manifest, slices, missing: [], media: {}, at: new Date(at) });
    const cells = page.matchAll(/<th scope="row">([^<]*)<\/th>\s*<td>([^<]*)<\/td>/g);
    return new Map([...cells].map(([, name, value]) => [name, value]));
  };

  it('shows the same median as receipt and status', () => {
    expect(quartilesOf([2, 9])?.median).toBe(5.5);
    expect(rows({}, [9, 2]).get('A frame, median (shortest to longest)')).toBe('5.5 s (2.0 s to 9.0 s)');
  });

  it('shows what kept data saved', () => {
    const slices = [
      { version: 1 as const, slice: 0, attempts: [attempt({ persistentData: { savedSeconds: 60 } })] },
    ];
    const page = reportPage({
      manifest: manifestFor('shot', 4),
      slices,
      missing: [],
      media: {},
      at: new Date(at),
    });
    expect(page).toMatch(/Kept data between frames<\/th>\s*<td>saved about 1 min 0 s<\/td>/);
  });

  it('shows a range of one frame as one number', () => {
    const frames = [
      { start: 5, end: 5, step: 1 },
      { start: 7, end: 11, step: 2 },
    ];
    expect(rows({ frames }, [1]).get('Frames')).toBe('5, 7-11x2');
  });
});
