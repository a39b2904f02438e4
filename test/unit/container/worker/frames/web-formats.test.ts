import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jpegFault } from '../../../../../container/worker/frames/web-formats';
import { bytesOf, wholeBeginnings } from '../../../../support/master-bytes';
import { ROOT } from '../../../../support/source-files';

const SIZE = { width: 32, height: 18 };
const fault = (bytes: Uint8Array, size = SIZE) => jpegFault(bytesOf(bytes), size);

describe.each(['3.4-picture.jpg', '5.2-picture.jpg'])('%s, as Blender wrote it,', (name) => {
  const file = readFileSync(join(ROOT, 'test/fixtures/masters', name));

  test('is whole', async () => {
    expect(await fault(file)).toBeUndefined();
  });

  test('is refused when cut off anywhere', async () => {
    expect(await wholeBeginnings(file, fault)).toEqual([]);
  });

  test('is refused if another size is expected', async () => {
    expect(await fault(file, { width: 31, height: 18 })).toBe('it is 32×18, not 31×18');
  });
});

test.each([
  ['empty', '', 'it is empty'],
  ['all zeros', '0000000000000000', 'it is not a JPEG file'],
  ['only start and end', 'ffd8ffd9', 'it holds no picture'],
  ['a segment that never ends', 'ffd8ffe0ffff0000000000ffd9', 'it holds no picture'],
  ['segments of no length', `ffd8${'ffe00000'.repeat(20)}ffd9`, 'it holds no picture'],
])('the JPEG check refuses a file that is %s', async (_, hex, expected) => {
  expect(await fault(Buffer.from(hex, 'hex'))).toBe(expected);
});

test('the JPEG check stops reading endless segments', async () => {
  const file = Buffer.from(`ffd8${'fffe0002'.repeat(100_000)}ffd9`, 'hex');
  let reads = 0;
  const counted = {
    ...bytesOf(file),
    read: (at: number, length: number) => (reads++, bytesOf(file).read(at, length)),
  };
  expect(await jpegFault(counted, SIZE)).toBe('it holds no picture');
  expect(reads).toBeLessThan(2_000);
});
