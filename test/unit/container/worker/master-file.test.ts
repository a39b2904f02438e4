import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MasterFile } from '../../../../container/worker/master-file';
import { useScratchFolder } from '../../../support/scratch-folder';
import { ROOT } from '../../../support/source-files';

const at = useScratchFolder();
const SIZE = { width: 32, height: 18 };
const FIXTURES = join(ROOT, 'test/fixtures/masters');

test.each([
  ['exr', '3.4-layers.exr'],
  ['jpg', '3.4-picture.jpg'],
] as const)('%s files are checked as such', async (ending, name) => {
  copyFileSync(join(FIXTURES, name), at('0001'));
  const file = await MasterFile.open(at('0001'));
  expect(await file!.fault(ending, SIZE)).toBeUndefined();
  expect(await file!.fault(ending === 'exr' ? 'jpg' : 'exr', SIZE)).toMatch(/^it is no/);
  await file!.close();
});

test('nothing, a folder and a link are no file', async () => {
  mkdirSync(at('folder'));
  symlinkSync(join(FIXTURES, '3.4-layers.exr'), at('link'));
  for (const name of ['nothing', 'folder', 'link']) expect(await MasterFile.open(at(name))).toBeUndefined();
});

test('what is put in its place after it was opened is not what is uploaded, on Linux', async () => {
  const original = readFileSync(join(FIXTURES, '3.4-half.exr'));
  writeFileSync(at('0001.exr'), original);
  writeFileSync(at('secret'), 'secret');
  const file = await MasterFile.open(at('0001.exr'));
  symlinkSync(at('secret'), at('new'));
  renameSync(at('new'), at('0001.exr'));
  // Elsewhere there is no sandbox either, and no such path.
  const expected = process.platform === 'linux' ? original : Buffer.from('secret');
  expect(readFileSync(file!.path).equals(expected)).toBe(true);
  await file!.close();
});
