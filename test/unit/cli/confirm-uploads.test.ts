import { confirmUploads, describeOutside } from '../../../cli/confirm-uploads';

const MIB = 1024 * 1024;
const file = (path: string, size = MIB, realPath = path) => ({ path, realPath, size });
const files = (folder: string, count: number) =>
  Array.from({ length: count }, (_, index) => file(`${folder}/${index}.png`));

test('files outside of the scene folder are listed with their sizes', () => {
  expect(describeOutside([file('/film/wood.png'), file('/film/oak.png', MIB / 2)])).toEqual([
    '  /film/wood.png (1.0 MiB)',
    '  /film/oak.png (0.5 MiB)',
  ]);
});

test('many files of one folder are one line', () => {
  expect(describeOutside([...files('/film/plates', 240), file('/film/wood.png')])).toEqual([
    '  /film/plates/: 240 files (240.0 MiB)',
    '  /film/wood.png (1.0 MiB)',
  ]);
});

test('a list has an end', () => {
  const lines = describeOutside(Array.from({ length: 1000 }, (_, index) => file(`/film/${index}/wood.png`)));
  expect(lines).toHaveLength(41);
  expect(lines.at(-1)).toBe('  and 960 files (960.0 MiB) more');
});

test('a link is listed with the place that it leads to', () => {
  expect(describeOutside([file('/film/wood.png', MIB, '/mnt/oak.png')])).toEqual([
    '  /film/wood.png, a link to /mnt/oak.png (1.0 MiB)',
  ]);
});

test('hostile names are listed in printable characters', () => {
  const [line] = describeOutside([file('/film/\u001b[2J\r\n\u202egnp.exe', MIB, '/mnt/\u0007\n.png')]);
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  expect(line).not.toMatch(/[\u0000-\u001f\u202e]/);
});

test('nothing outside is nothing to ask', async () => {
  const said: string[] = [];
  expect(await confirmUploads([], false, (text) => said.push(text))).toBe(true);
  expect(said).toEqual([]);
});

test('--yes answers, and the list is shown all the same', async () => {
  const said: string[] = [];
  expect(await confirmUploads([file('/film/wood.png')], true, (text) => said.push(text))).toBe(true);
  expect(said).toEqual([
    'the scene needs 1 file (1.0 MiB) outside its own folder:',
    '  /film/wood.png (1.0 MiB)',
  ]);
});

test('a list that is cut is no question', async () => {
  const many = Array.from({ length: 41 }, (_, index) => file(`/film/${index}/wood.png`));
  const said: string[] = [];
  const asked = confirmUploads(many, false, (text) => said.push(text));
  await expect(asked).rejects.toMatchObject({
    code: 'bad-usage',
    message: expect.stringContaining('too many files'),
  });
  expect(said.at(-1)).toBe('  and 1 file (1.0 MiB) more');
});
