import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { pngChunk } from '../support/png';
import { useScratchFolder } from '../support/scratch-folder';
import { comparePictures } from './compare';
import { compareFolders } from './compare-folders';

const at = useScratchFolder();

/** Writes a grey PNG; gives its path. */
function grey(name: string, change: (picture: PNG) => void = () => {}, bitDepth: 8 | 16 = 8): string {
  const picture = new PNG({ width: 3, height: 2 });
  picture.data.fill(100);
  change(picture);
  const data =
    bitDepth === 8 ? picture.data : Buffer.from(Uint16Array.from(picture.data, (v) => v * 257).buffer);
  writeFileSync(at(name), PNG.sync.write(Object.assign(picture, { data }), { bitDepth, colorType: 6 }));
  return at(name);
}

test('comparePictures finds no difference between pictures of the same samples', async () => {
  const one = grey('one.png');
  copyFileSync(one, at('other.png'));
  expect(await comparePictures(one, at('other.png'))).toEqual({ max: 0, where: '' });
});

test('comparePictures finds one level in one sample and its place', async () => {
  const other = grey('other.png', ({ data }) => (data[4 * 4 + 1] = 101));
  expect(await comparePictures(grey('one.png'), other)).toEqual({ max: 1, where: 'pixel 1,1' });
});

test('comparePictures reports another depth as a difference', async () => {
  const { max, where } = await comparePictures(grey('one.png'), grey('deep.png', undefined, 16));
  expect(max).toBe(Infinity);
  expect(where).toMatch('8 bits');
});

test('comparePictures finds a difference of 16 bits that 8 bits would hide', async () => {
  const one = grey('one.png', undefined, 16);
  const picture = PNG.sync.read(readFileSync(one), { skipRescale: true });
  const samples = Uint16Array.from(picture.data);
  samples[0] = samples[0]! + 1;
  const data = Buffer.from(samples.buffer);
  writeFileSync(
    at('other.png'),
    PNG.sync.write(Object.assign(picture, { data }), { bitDepth: 16, colorType: 6 }),
  );
  expect((await comparePictures(one, at('other.png'))).max).toBeCloseTo(1 / 257);
});

test('comparePictures ignores metadata of time', async () => {
  const one = grey('one.png');
  const bytes = readFileSync(one);
  const note = pngChunk('tEXt', Buffer.from('Date\0today'));
  writeFileSync(at('noted.png'), Buffer.concat([bytes.subarray(0, 33), note, bytes.subarray(33)]));
  expect((await comparePictures(one, at('noted.png'))).max).toBe(0);
});

test('compareFolders names pictures that only one side has', async () => {
  grey('ours.png');
  const [{ words } = { words: '' }] = await compareFolders([{ ours: at('nowhere'), plain: at() }]);
  expect(words).toBe('nowhere/ is empty; Blender writes ours.png');
});
