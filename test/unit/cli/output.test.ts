import { PassThrough } from 'node:stream';
import { describeDependencies, describeVerdict } from '../../../cli/commands/inspect';
import { runCommandLine } from '../../../cli/main';
import { describeFinding, fitReading, localTime, reportFindings, shorten, wrap } from '../../../cli/output';
import type { Finding } from '../../../core/render/manifest';
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
    'files: 3 of 5 not found',
    '  ok         image //w.<UDIM>.png (image "Wood"; 2 files)',
    '  packed     image //in.png (image "Wood")',
    '  missing    image //no.png (image "\\u0007")',
    '  absolute   image C:\\x.png',
    '  outside    image //../../x.png (image "Wood")',
  ]);
});

test('describeDependencies says that a scene needs no other files', () => {
  expect(describeDependencies([])).toEqual(['files: the scene needs no other files']);
});

test('describeDependencies says that all files are found', async () => {
  const storage = new CountingStorage();
  await putAll(storage, { 'uploads/film/w.png': 'a' });
  const { project } = await examine('uploads/film/shot.blend', contents([dependency('//w.png')]), storage);
  expect(describeDependencies(project.dependencies)[0]).toBe('files: all found');
});

test.each<[Finding['severity'][], string]>([
  [[], 'ready to render: nothing is wrong'],
  [['note'], 'ready to render: the notes need no change'],
  [['warning', 'warning'], 'ready to render, but read 2 warnings above'],
  [['error', 'warning'], 'not ready to render: fix the error above'],
])('describeVerdict sums up findings of %p', (severities, verdict) => {
  const findings = severities.map((severity) => ({ code: 'x', severity, message: 'y' }));
  expect(describeVerdict(findings)).toBe(verdict);
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

describe('shorten', () => {
  test('leaves a text that fits', () => {
    expect(shorten('shot-1a2b3c4d', 13)).toBe('shot-1a2b3c4d');
  });

  test('keeps both ends of a longer one', () => {
    expect(shorten('shot-1a2b3c4d', 8)).toBe('shot…c4d');
  });

  test('counts two columns for a wide letter', () => {
    expect(shorten('シーン-シーン', 6)).toBe('シ…ン');
  });
});

describe('wrap', () => {
  test('indents what follows a label behind it', () => {
    expect(wrap('  video    one two three', 20)).toBe('  video    one two\n          three');
    expect(wrap('  video    one two three', 23)).toBe('  video    one two\n           three');
  });

  test.each([
    ['frames of 12 s or 2 min 10 s', 11, 'frames of\n  12 s or\n  2 min 10 s'],
    ['it costs 12 USD (5 %)', 12, 'it costs\n  12 USD\n  (5 %)'],
  ])('keeps the numbers of "%s" beside their units', (text, columns, wrapped) => {
    expect(wrap(text, columns)).toBe(wrapped);
  });

  test('breaks a sentence at spaces and never within a word', () => {
    expect(wrap('stored in /films/a-long-path now', 12)).toBe('stored in\n  /films/a-long-path\n  now');
  });

  test('leaves lines that fit', () => {
    expect(wrap('a  b\nc', 60)).toBe('a  b\nc');
  });
});

test('fitReading keeps count and note within the columns', () => {
  const note = 'rendering 101-140, about 3 h 20 min left';
  const fitted = fitReading({ count: '12 of 72 frames', note }, 40);
  expect(fitted.count).toBe('12 of 72 frames');
  expect(`${fitted.count}  ${fitted.note}`.length).toBeLessThan(40);
  expect(fitted.note).toMatch(/^rendering.*….*left$/);
});

describe('localTime', () => {
  test('is the time of this machine', () => {
    const at = new Date(2026, 10, 3, 9, 5, 7).toISOString();
    expect(localTime(at)).toBe('2026-11-03 09:05');
    expect(localTime(at, true)).toBe('2026-11-03 09:05:07');
  });

  test('leaves a text that is no time', () => {
    expect(localTime('yesterday')).toBe('yesterday');
  });
});
