import { PassThrough } from 'node:stream';
import { describeDependencies } from '../../../cli/commands/inspect';
import { runCommandLine } from '../../../cli/main';
import { describeFinding, reportFindings } from '../../../cli/output';
import { contents, CountingStorage, dependency, examine, putAll } from '../../support/made-scenes';

test('describeFinding gives one line without control characters', () => {
  const message = 'image "a\u001b[2J" needs\nit';
  expect(describeFinding({ severity: 'warning', code: 'image-missing', message })).toBe(
    'warning: image-missing: image "a\\u001b[2J" needs it',
  );
});

test('reportFindings prints each finding in its own line', () => {
  const stream = new PassThrough();
  reportFindings(
    [
      { severity: 'error', code: 'no-camera', message: 'a' },
      { severity: 'note', code: 'movie-output', message: 'b' },
    ],
    stream,
  );
  expect(String(stream.read())).toBe('error: no-camera: a\nnote: movie-output: b\n');
});

test('describeDependencies shows each file with its state', async () => {
  const storage = new CountingStorage();
  await putAll(storage, { 'uploads/film/w.1001.png': 'a', 'uploads/film/w.1002.png': 'b' });
  const needed = [
    dependency('//w.<UDIM>.png', { extent: 'tiles' }),
    dependency('//in.png', { packed: true }),
    dependency('//no.png', { usedBy: ['image "\u0007"'] }),
    dependency('C:\\x.png', { usedBy: [] }),
    dependency('//../../x.png'),
  ];
  const { project } = await examine('uploads/film/shot.blend', contents(needed), storage);
  expect(describeDependencies(project.dependencies)).toEqual([
    'files',
    '  ok         image //w.<UDIM>.png (image "Wood"; 2 files)',
    '  packed     image //in.png (image "Wood")',
    '  missing    image //no.png (image "\\u0007")',
    '  absolute   image C:\\x.png',
    '  outside    image //../../x.png (image "Wood")',
  ]);
  expect(describeDependencies([])).toEqual([]);
});

test('submit --help shows --force', async () => {
  const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    expect(await runCommandLine(['submit', '--help'])).toBe(0);
    expect(write.mock.calls.join('')).toContain('--force');
  } finally {
    write.mockRestore();
  }
});
