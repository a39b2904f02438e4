import fc from 'fast-check';
import {
  compressFrames,
  countFrames,
  describeRanges,
  formatFrameRanges,
  formatFrames,
  framesAt,
  framesOf,
  MOST_PARTS,
  parseFrameRanges,
  positionOf,
} from '../../../../core/render/frames';
import { childUrl } from '../../../../core/storage/storage';
import { parseManifest } from '../../../support/documents';
import { SCENE, UploadWorld } from '../../../support/upload-world';

describe('frame range', () => {
  const list = (text: string) => [...framesOf(parseFrameRanges(text))];

  const frameLists = fc
    .uniqueArray(fc.integer({ min: -300, max: 300 }), { minLength: 1, maxLength: 60 })
    .map((frames) => frames.toSorted((a, b) => a - b));

  test('compressing, writing and reading frames gives the same frames', () => {
    fc.assert(
      fc.property(frameLists, (frames) => {
        const text = formatFrameRanges(compressFrames(frames));
        expect(list(text)).toEqual(frames);
      }),
    );
  });

  test('framesAt gives the part of the list between two positions', () => {
    fc.assert(
      fc.property(frameLists, fc.nat(70), fc.nat(70), (frames, a, b) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        expect(framesAt(compressFrames(frames), first, last)).toEqual(frames.slice(first, last + 1));
      }),
    );
  });

  test('positionOf finds the position of every frame of the list, and no other', () => {
    fc.assert(
      fc.property(frameLists, fc.integer({ min: -300, max: 300 }), (frames, other) => {
        const ranges = compressFrames(frames);
        expect(frames.map((frame) => positionOf(frame, ranges))).toEqual([...frames.keys()]);
        expect(positionOf(other, ranges)).toBe(frames.includes(other) ? frames.indexOf(other) : undefined);
      }),
    );
  });

  describe('formatFrames', () => {
    test('lists frames as ranges', () => {
      expect(formatFrames([3, 7, 8, 9, 20, 22, 24])).toBe('3, 7-9, 20-24x2');
    });

    test('names two distant frames one by one', () => {
      expect(formatFrames([3, 9])).toBe('3, 9');
    });

    test('describes ranges without a loop over their frames', () => {
      const ranges = [1, 4, 9, 16].map((start) => ({
        start: start * 100_000,
        end: start * 100_000 + 9,
        step: 1,
      }));
      expect(describeRanges(ranges, 2)).toBe('100000-100009, 400000-400009 and 20 more');
    });

    test('counts frames after the most to show', () => {
      expect(formatFrames([1, 4, 9, 16, 25, 36, 49], 3)).toBe('1, 4, 9 and 4 more');
    });
  });
});

describe('parse frames', () => {
  const list = (text: string) => [...framesOf(parseFrameRanges(text))];

  describe('parseFrameRanges', () => {
    test.each([
      ['7', [7]],
      ['1-4', [1, 2, 3, 4]],
      ['1-3,20,30-36x2', [1, 2, 3, 20, 30, 32, 34, 36]],
      ['101-119x3', [101, 104, 107, 110, 113, 116, 119]],
      ['1-10x4', [1, 5, 9]],
      ['-5--3', [-5, -4, -3]],
      ['-1-1', [-1, 0, 1]],
      [' 1 , 3 ', [1, 3]],
    ])('%s', (text, frames) => {
      expect(list(text)).toEqual(frames);
    });

    test('gives a frame once that is named twice', () => {
      expect(list('1-5,3,4-8x2')).toEqual([1, 2, 3, 4, 5, 6, 8]);
    });

    test('gives ascending frames', () => {
      expect(list('20,1-3')).toEqual([1, 2, 3, 20]);
    });

    test.each([
      ['', '"" is not a frame or range'],
      ['1-', '"1-" is not a frame or range'],
      ['a', '"a" is not a frame or range'],
      ['1..5', '"1..5" is not a frame or range'],
      ['1-5x0', 'the step in 1-5x0 must be 1 or more'],
      ['9-2', 'write 2-9'],
      ['1,5-3', 'write 3-5'],
      ['1-4294967295', "beyond Blender's limits"],
      ['-2000000', "beyond Blender's limits"],
      ['1-99999999999', 'is not a frame or range'],
    ])('refuses "%s" and names the part at fault', (text, message) => {
      expect(() => parseFrameRanges(text)).toThrow(message);
    });

    test.each([
      ['overlapping ranges of one step', '1-10,5-20', '1-20'],
      ['ranges of one step that continue each other', '1-4,5-9,10', '1-10'],
      ['a coarse range within a fine one', '1-100,20-40x5', '1-100'],
      ['ranges of the same coarse step', '1-9x2,5-15x2', '1-15x2'],
      ['odd and even frames', '1-9x2,2-10x2', '1-10'],
      ['ranges that only share their ends', '1-9x4,9-21x4', '1-21x4'],
    ])('merges %s', (_, text, merged) => {
      expect(formatFrameRanges(parseFrameRanges(text))).toBe(merged);
    });

    test('merges a thousand overlapping ranges of many steps without a list of their frames', () => {
      const parts = Array.from({ length: 1000 }, (_, i) => `${i}-${i + 1000}x${1 + (i % 2)}`);
      expect(formatFrameRanges(parseFrameRanges(parts.join(',')))).toBe('0-1999');
    });

    test.each([
      ['1,000 parts', Array.from({ length: 1001 }, (_, i) => i).join(','), 'more than 1000 parts'],
      ['all frame numbers', '-1048574-1048574,7', 'hold 2097150 frames, more than 2097149'],
      ['20,000 listed frames', '1-40000x2,1-40000x3', 'overlap in more than 20000 frames'],
    ])('refuses more than %s and names the limit', (_, text, message) => {
      expect(() => parseFrameRanges(text)).toThrow(message);
    });

    test('refuses a text in which thousands of ranges would repeat every frame, before it merges any', () => {
      const parts = Array.from({ length: 110 }, (_, i) => `${i - 1_048_574}-1048574`);
      expect(() => parseFrameRanges(parts.join(','))).toThrow('name each frame once');
    });

    test('cuts a long text and escapes control characters in its message', () => {
      const message = messageOf(() => parseFrameRanges(`\u001b[31m${'1,'.repeat(40_000)}`));
      expect(message.length).toBeLessThan(500);
      expect(message).toContain('\\u001b[31m');
    });

    test('reads the longest range without a list of its frames', () => {
      expect(countFrames(parseFrameRanges('-1048574-1048574'))).toBe(2_097_149);
    });
  });

  function messageOf(work: () => unknown): string {
    try {
      work();
      return '';
    } catch (error) {
      return String(error);
    }
  }

  const parts = fc.array(
    fc.record({
      start: fc.integer({ min: -60, max: 60 }),
      length: fc.nat(80),
      step: fc.integer({ min: 1, max: 12 }),
    }),
    { minLength: 1, maxLength: 12 },
  );

  test('parseFrameRanges gives the union of all parts in ascending ranges', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const text = given.map(({ start, length, step }) => `${start}-${start + length}x${step}`).join(',');
        const frames = new Set<number>();
        for (const { start, length, step } of given)
          for (let frame = start; frame <= start + length; frame += step) frames.add(frame);
        const ranges = parseFrameRanges(text);
        expect([...framesOf(ranges)]).toEqual([...frames].toSorted((a, b) => a - b));
        expect(countFrames(ranges)).toBe(frames.size);
        expect(ranges.every((range, i) => i === 0 || ranges[i - 1]!.end < range.start)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('hostile uploads', () => {
  /** Text that a terminal, a mail or a log could interpret as more than a name. */
  // oxlint-disable-next-line no-control-regex -- control characters are the subject
  const TREACHEROUS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

  /** The results of an upload that was delivered twice: the number of jobs, and the findings of its refusal. */
  async function deliverTwice(key: string, metadata: Record<string, string> = {}, bytes: Uint8Array = SCENE) {
    const world = new UploadWorld();
    const body = await world.upload(key, metadata, bytes);
    expect([await world.deliver(body), await world.deliver(body)]).toEqual([true, true]);
    const keys = await world.keys();
    for (const manifest of keys.filter((name) => name.endsWith('/manifest.json')))
      parseManifest(await world.storage.get(childUrl(world.bucket, manifest)));
    for (const { subject, message } of world.notifications) {
      expect(subject).toMatch(/^[\x20-\x7e]{1,99}$/);
      expect(message).not.toMatch(TREACHEROUS);
    }
    for (const line of world.rawLog) expect(line).not.toMatch(TREACHEROUS);
    return {
      world,
      jobs: world.jobNames().length,
      messages: world.notifications.map(({ message }) => message),
    };
  }

  const FRAMES_2KB = Array.from({ length: 110 }, (_, i) => `${i - 1_048_574}-1048574`).join(',');

  describe('the submit Lambda refuses an upload and says why', () => {
    test.each<[string, string, Record<string, string>, string]>([
      ['frames beyond all limits', 'a.blend', { frames: '1-999999999' }, "beyond Blender's limits"],
      ['frames that overlap a hundred times', 'a.blend', { frames: FRAMES_2KB }, 'name each frame once'],
      ['too many parts', 'a.blend', { frames: '1,'.repeat(MOST_PARTS) }, `more than ${MOST_PARTS} parts`],
      ['a name with a path to another folder', 'a.blend', { name: '../x' }, 'letters, digits, "-" and "_"'],
      ['a hidden name', 'a.blend', { name: '.farm' }, 'starts with a letter or digit'],
      ['a name with a slash', 'a.blend', { name: 'a/b' }, 'letters, digits, "-" and "_"'],
      ['a name with a line break', 'a.blend', { name: "UTF-8''a%0Ab" }, 'not "a\\u000ab"'],
      ['a very long name', 'a.blend', { name: 'x'.repeat(101) }, 'at most 100'],
      [
        '51 tags',
        'a.blend',
        { tags: Array.from({ length: 51 }, (_, i) => `a${i}=b`).join(',') },
        '40 at most',
      ],
      ['a tag of AWS', 'a.blend', { tags: 'AWS:x=1' }, `"aws:" is AWS's`],
      ["the farm's tag", 'a.blend', { tags: 'Spotreel:farm=evil,team=admin' }, `is Spotreel's`],
      ['a cap that is not a number', 'a.blend', { 'max-cost': 'NaN' }, 'must be US dollars'],
      ['a backslash', 'a\\b.blend', {}, 'holds a backslash; rename'],
      ['a zero byte', 'a\0b.blend', {}, 'holds a zero byte; rename'],
      ['an escape character', 'a\u001b[31m.blend', {}, 'holds a control character; rename'],
      ['a C1 control character', 'a\u009b31m.blend', {}, 'holds a control character; rename'],
      [
        'a name longer than a file system allows',
        `${'x'.repeat(1010)}.blend`,
        {},
        'more than 255 bytes; rename',
      ],
      [
        'control characters in the scene',
        'a.blend',
        { scene: "UTF-8''%1b%5b31m%c2%9b%0a%0dX" },
        'no scene "',
      ],
    ])('for %s', async (_, name, metadata, reason) => {
      const { jobs, messages } = await deliverTwice(`uploads/${name}`, metadata);
      expect({ jobs, count: messages.length }).toEqual({ jobs: 0, count: 1 });
      expect(messages[0]).toContain(reason);
    });

    test('for an empty object', async () => {
      const { jobs, messages } = await deliverTwice('uploads/a.blend', {}, Buffer.alloc(0));
      expect([jobs, messages.length]).toEqual([0, 1]);
      expect(messages[0]).toContain('the file is empty');
    });

    test('in a message that has no extra line from a line break in the key', async () => {
      const { messages } = await deliverTwice('uploads/a\nConsole: evil.example\n.blend', { name: '../x' });
      expect(messages[0]!.split('\n').filter((line) => line.startsWith('Console:'))).toEqual([]);
      expect(messages[0]).toContain('uploads/a\\u000aConsole: evil.example\\u000a.blend');
    });

    test('without a change to the readable or unreadable render that has the same id', async () => {
      const world = new UploadWorld();
      const body = await world.upload('uploads/a.blend');
      await world.deliver(body);
      const manifest = (await world.keys()).find((key) => key.endsWith('/manifest.json'))!;
      await world.storage.put(childUrl(world.bucket, manifest), '{');
      expect(await world.deliver(body)).toBe(true);
      expect(world.notifications[0]!.message).toContain('manifest.json is damaged');
      expect(await world.keys()).not.toContain(manifest.replace('manifest', 'status'));
    });
  });

  describe('the submit Lambda submits', () => {
    test.each<[string, string, Record<string, string>]>([
      ['all possible frames', 'a.blend', { frames: '-1048574-1048574' }],
      ['a tag named __proto__', 'a.blend', { tags: '__proto__=x' }],
      ['a very small cap', 'a.blend', { 'max-cost': '0.000001' }],
      ['a key of percent signs and plus signs', 'a%2F..%2Fb+c d.blend', {}],
      ['a backslash in the folder of the project, which no worker creates', 'p\\q/b.blend', {}],
      [
        'a folder of the project with a name too long for a disk, which no worker creates',
        `${'p'.repeat(500)}/a.blend`,
        {},
      ],
      ['a key with a change of text direction', '\u202ednelb.\u00e9\ud83d\ude00.blend', {}],
      ['an engine in small letters', 'a.blend', { engine: 'workbench' }],
      ['the highest resolution', 'a.blend', { 'resolution-percent': '32767' }],
      ['the most samples', 'a.blend', { samples: '16777216' }],
    ])('%s, once', async (_, name, metadata) => {
      const { world, jobs, messages } = await deliverTwice(`uploads/${name}`, metadata);
      expect({ jobs, messages }).toEqual({ jobs: 2, messages: [] });
      expect((await world.keys()).filter((key) => key.endsWith('/manifest.json'))).toHaveLength(1);
    });
  });

  test('the submit Lambda ignores a key with half a surrogate pair', async () => {
    const world = new UploadWorld();
    const event = JSON.parse(await world.upload('uploads/a.blend'));
    event.detail.object.key = 'uploads/\ud83d.blend';
    expect(await world.deliver(JSON.stringify(event))).toBe(true);
    expect(world.jobNames()).toEqual([]);
  });
});
