import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import { frameFault, readPngHeader } from '../../../../../container/worker/frames/png';
import { fillGaps, type Gap, markFrame, type ReadFrame } from '../../../../../container/worker/video/gaps';
import { fewOrAll } from '../../../../support/heavy';
import { pngChunk, pngOf } from '../../../../support/png';

describe('fill gaps', () => {
  const bytesOf = (frame: number) => Uint8Array.of(frame);

  async function filled(there: readonly boolean[]) {
    async function* frames(): AsyncGenerator<ReadFrame> {
      for (const [frame, whole] of there.entries())
        yield whole ? { frame, bytes: bytesOf(frame) } : { frame };
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
});

describe('mark frame', () => {
  const GREY = 0x80;

  function plain(width: number, height: number, bitDepth: 8 | 16, colorType: 0 | 2 | 4 | 6): Buffer {
    const png = new PNG({ width, height });
    png.data.fill(GREY);
    for (let i = 3; i < png.data.length; i += 4) png.data[i] = 0xff;
    const data = bitDepth === 8 ? png.data : Uint16Array.from(png.data, (value) => value * 257);
    return PNG.sync.write(Object.assign(png, { data }), { bitDepth, colorType });
  }

  /** Of each row, in the left half, `#` for white, `.` for black, a space for what was there before. */
  function rowsOf(bytes: Uint8Array): string[] {
    const { width, height, data } = PNG.sync.read(Buffer.from(bytes));
    const sign = (at: number) => (data[at] === 0xff ? '#' : data[at] === 0 ? '.' : ' ');
    return Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (__, x) => sign((y * width + x) * 4)).join(''),
    );
  }

  describe.each([8, 16] as const)('markFrame with %i bits', (bitDepth) => {
    test.each(fewOrAll('videos', [0, 2, 4, 6] as const, (type) => type === (bitDepth === 8 ? 6 : 0)))(
      'keeps colour type %i and gives a whole frame',
      async (colourType) => {
        const marked = markFrame(plain(320, 180, bitDepth, colourType), 12);
        expect(readPngHeader(marked)).toMatchObject({ bitDepth, colourType });
        expect(await frameFault(marked, { width: 320, height: 180 })).toBeUndefined();
        const rows = rowsOf(marked);
        expect(rows[0]).toBe(' '.repeat(320));
        expect(rows.at(-1)).toMatch(/^\.+ +$/);
        expect(rows.some((row) => row.includes('#'))).toBe(true);
      },
    );
  });

  test('markFrame draws readable words', () => {
    const rows = rowsOf(markFrame(plain(103, 9, 8, 2), -7));
    expect(rows.map((row) => row.slice(1, 30))).toEqual([
      '.............................',
      '#####.####...###..#...#.#####',
      '#.....#...#.#...#.##.##.#....',
      '#.....#...#.#...#.#.#.#.#....',
      '####..####..#####.#.#.#.####.',
      '#.....#.#...#...#.#...#.#....',
      '#.....#..#..#...#.#...#.#....',
      '#.....#...#.#...#.#...#.#####',
      '.............................',
    ]);
  });

  test.each([
    [1, 1],
    [7, 3],
    [64, 36],
  ])('markFrame keeps the size of a picture of %i×%i', async (width, height) => {
    expect(await frameFault(markFrame(plain(width, height, 8, 6), 1), { width, height })).toBeUndefined();
  });

  test('markFrame leaves a frame unmarked if pngjs cannot decode it', async () => {
    const size = { width: 64, height: 36 };
    const odd = pngOf(
      size,
      pngChunk('gAMA', Buffer.alloc(0)),
      pngChunk('IDAT', deflateSync(Buffer.alloc(36 * 193))),
    );
    expect(await frameFault(odd, size)).toBeUndefined();
    expect(markFrame(odd, 1)).toBe(odd);
  });
});
