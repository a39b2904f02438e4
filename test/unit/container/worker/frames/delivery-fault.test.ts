import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultOf, masterFault } from '../../../../../container/worker/frames/delivery';
import { pictureEndingOf } from '../../../../../core/render/keys';
import { bytesOf, wholeBeginnings } from '../../../../support/master-bytes';
import { ROOT } from '../../../../support/source-files';

describe('master fault', () => {
  const SIZE = { width: 32, height: 18 };

  test.each([
    ['exr', '3.4-layers.exr', 'jpg'],
    ['jpg', '3.4-picture.jpg', 'exr'],
  ] as const)('masterFault checks %s files by their format', async (ending, name, other) => {
    const path = join(ROOT, 'test/fixtures/masters', name);
    expect(await masterFault(path, ending, SIZE)).toBeUndefined();
    expect(await masterFault(path, other, SIZE)).toMatch(/^it is no/);
  });
});

describe('picture checks', () => {
  const FOLDER = join(ROOT, 'test/fixtures/masters');
  const sizeOf = (name: string) =>
    /jp2$|j2c$/.test(name) ? { width: 64, height: 36 } : { width: 32, height: 18 };

  /** Beginnings that are whole files too: a Targa file of version 1 ends with its pixels. */
  const WHOLE_BEGINNINGS: Readonly<Record<string, number>> = { '5.2-picture.tga': 1, '5.2-raw.tga': 1 };

  const FILES = readdirSync(FOLDER).filter((name) => !name.endsWith('.py') && !/exr$|jpg$/.test(name));

  test('the fixtures include every kind of picture', () => {
    expect(new Set(FILES.map((name) => name.split('.').at(-1)))).toEqual(
      new Set(['png', 'tif', 'webp', 'dpx', 'hdr', 'avif', 'jp2', 'j2c', 'cin', 'tga', 'bmp', 'rgb']),
    );
  });

  describe.each(FILES)('%s, as Blender wrote it,', (name) => {
    const file = readFileSync(join(FOLDER, name));
    const ending = pictureEndingOf(name)!;
    const size = sizeOf(name);
    const fault = (bytes: Uint8Array, expected?: typeof size) => faultOf(bytesOf(bytes), ending, expected);

    test('is whole', async () => {
      expect(await fault(file, size)).toBeUndefined();
      expect(await fault(file)).toBeUndefined();
    });

    test('is refused when cut off', async () => {
      expect(await wholeBeginnings(file, fault)).toHaveLength(WHOLE_BEGINNINGS[name] ?? 0);
    });

    test('is refused if another size is expected', async () => {
      const { width, height } = size;
      expect(await fault(file, { width, height: 17 })).toBe(`it is ${width}×${height}, not ${width}×17`);
    });
  });

  const KINDS = [
    'png',
    'tif',
    'webp',
    'dpx',
    'hdr',
    'avif',
    'jp2',
    'j2c',
    'cin',
    'tga',
    'bmp',
    'rgb',
  ] as const;

  test.each(KINDS)('the picture check refuses an empty %s file', async (ending) => {
    expect(await faultOf(bytesOf(Buffer.alloc(0)), ending)).toBe('it is empty');
  });

  test.each(KINDS)('the picture check refuses zeros as a %s file', async (ending) => {
    expect(await faultOf(bytesOf(Buffer.alloc(2_000)), ending)).toMatch(/^it (is not an? |is cut off)/);
  });

  /** Bytes that say of themselves that more is to come than there is, or that there is no end of it. */
  test.each<[string, 'tif' | 'avif' | 'rgb' | 'png', Buffer]>([
    ['a TIFF directory beyond the end', 'tif', Buffer.from('49492a00f0ffffff', 'hex')],
    ['a box of length zero inside a box', 'avif', avifOf('00000008', 400)],
    ['endless boxes', 'avif', avifOf('0000000869707270', 100_000)],
    [
      'an IRIS table beyond the end',
      'rgb',
      Buffer.concat([Buffer.from('01da01010003ffffffff0004', 'hex'), Buffer.alloc(600)]),
    ],
    ['a PNG chunk of 4 GiB', 'png', pngOf('ffffffff49444154')],
  ])('the picture check refuses %s without reading it', async (_, ending, bytes) => {
    let read = 0;
    const counted = {
      ...bytesOf(bytes),
      read: (at: number, length: number) => ((read += 1), bytesOf(bytes).read(at, length)),
    };
    expect(await faultOf(counted, ending)).toMatch(/cut off|damaged|holds no picture/);
    expect(read).toBeLessThan(2_100);
  });

  function avifOf(box: string, count: number): Buffer {
    const boxes = Buffer.from(box.padEnd(16, '0').repeat(count), 'hex');
    return Buffer.concat([Buffer.from('0000000c6674797061766966', 'hex'), boxes]);
  }

  function pngOf(chunk: string): Buffer {
    const header = readFileSync(join(FOLDER, '5.2-picture.png')).subarray(0, 33);
    return Buffer.concat([header, Buffer.from(chunk, 'hex')]);
  }
});
