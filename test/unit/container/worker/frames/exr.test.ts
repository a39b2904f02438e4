import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exrFault, readExrHeaders } from '../../../../../container/worker/frames/exr';
import { bytesOf, wholeBeginnings } from '../../../../support/master-bytes';
import { ROOT } from '../../../../support/source-files';

const SIZE = { width: 32, height: 18 };
const master = (name: string) => readFileSync(join(ROOT, 'test/fixtures/masters', name));
const fault = (bytes: Uint8Array, size = SIZE) => exrFault(bytesOf(bytes), size);

/** The same file with each offset in its table moved. */
function moveChunks(file: Buffer, tableAt: number, entries: number, by: number): Buffer {
  const moved = Buffer.from(file);
  for (let at = tableAt; at < tableAt + entries * 8; at += 8) {
    moved.writeBigUInt64LE(moved.readBigUInt64LE(at) + BigInt(by), at);
  }
  return moved;
}

describe.each([
  ['3.4-half.exr', 1],
  ['3.4-layers.exr', 1],
  ['5.2-half.exr', 1],
  ['5.2-layers.exr', 2],
])('%s, as Blender wrote it, with %i parts,', (name, parts) => {
  const file = master(name);

  test('is whole', async () => {
    expect(readExrHeaders(file).parts).toHaveLength(parts);
    expect(await fault(file)).toBeUndefined();
  });

  test('is refused when cut off anywhere', async () => {
    expect(await wholeBeginnings(file, fault)).toEqual([]);
  });

  test('is refused with data after its end', async () => {
    expect(await fault(Buffer.concat([file, Buffer.of(0)]))).toBe('something follows its end');
  });

  test('is refused if another size is expected', async () => {
    expect(await fault(file, { width: 32, height: 19 })).toBe('it is 32×18, not 32×19');
  });

  test('is refused without its offset table', async () => {
    const { end } = readExrHeaders(file);
    const unfinished = Buffer.from(file).fill(0, end + 8, end + 16);
    expect(await fault(unfinished)).toBe('its offset table is not complete');
    expect(await fault(Buffer.from(file).fill(1, end, end + 1))).toMatch(
      /its offset table leads nowhere|cut off|follows its end/,
    );
  });
});

test.each([
  ['empty', Buffer.alloc(0), 'it is empty'],
  ['a PNG', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'it is not an OpenEXR file'],
  ['zeros', Buffer.alloc(4096), 'it is not an OpenEXR file'],
  ['of version 3', Buffer.from('762f310103040000', 'hex'), 'it is of OpenEXR version 3'],
  [
    'in tiles',
    Buffer.from('762f310102020000', 'hex'),
    'it holds tiles or deep pixels, which Blender does not write',
  ],
  [
    'without a size',
    Buffer.concat([Buffer.from('762f310102040000', 'hex'), Buffer.of(0)]),
    'its header lacks its size or its compression',
  ],
])('the EXR check refuses a file that is %s', async (_, file, expected) => {
  expect(await fault(file)).toBe(expected);
});

test('the EXR check reads a header that is longer than its first read', async () => {
  const file = master('3.4-half.exr');
  const text = Buffer.alloc(200_000, 'x');
  const length = Buffer.alloc(4);
  length.writeInt32LE(text.length);
  const attribute = Buffer.concat([Buffer.from('manifest\0string\0'), length, text]);
  const { end } = readExrHeaders(file);
  const moved = moveChunks(file, end, SIZE.height, attribute.length);
  const long = Buffer.concat([moved.subarray(0, 8), attribute, moved.subarray(8)]);
  expect(await fault(long)).toBeUndefined();
  expect(await fault(long.subarray(0, 150_000))).toBe('it is cut off within its header');
});

test('the EXR check accepts a data window that differs from the display window', async () => {
  const file = master('3.4-half.exr');
  const larger = Buffer.from(file);
  const window = larger.indexOf('displayWindow\0box2i\0') + 'displayWindow\0box2i\0'.length + 4;
  larger.writeInt32LE(63, window + 8);
  expect(await fault(larger)).toBeUndefined();
  expect(await fault(larger, { width: 64, height: 18 })).toBeUndefined();
  expect(await fault(larger, { width: 64, height: 32 })).toBe('it is 64×18, not 64×32');
});

test('the EXR check counts chunks of an unknown compression by the offset of the first one', async () => {
  const file = Buffer.from(master('3.4-half.exr'));
  const compression = file.indexOf('compression\0compression\0') + 'compression\0compression\0'.length + 4;
  file[compression] = 200;
  expect(await fault(file)).toBeUndefined();
  expect(await fault(file.subarray(0, -1))).toBe('it is cut off');
  const { end } = readExrHeaders(file);
  expect(await fault(Buffer.from(file).fill(0, end, end + 8))).toMatch(/^it says that it has -/);
});

test('the EXR check stops reading endless attributes', async () => {
  const attributes = Buffer.alloc(7 * 100_000, 'a\0\0\0\0\0\0');
  const file = Buffer.concat([Buffer.from('762f310102000000', 'hex'), attributes, Buffer.of(0)]);
  expect(await fault(file)).toBe('its header has too many entries');
});
