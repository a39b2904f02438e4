import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRegularFile, readRegularFile } from '../../../../core/storage/file-storage';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'spotreel-regular-'))));
afterEach(() => rmSync(folder, { recursive: true }));

test('a state file is read whole', () => {
  writeFileSync(join(folder, 'a'), 'words');
  expect(readRegularFile(join(folder, 'a')).toString()).toBe('words');
});

test('a link is not followed', () => {
  writeFileSync(join(folder, 'a'), 'words');
  symlinkSync(join(folder, 'a'), join(folder, 'link'));
  for (const use of ['read', 'change', 'append'] as const)
    expect(() => openRegularFile(join(folder, 'link'), use)).toThrow(
      expect.objectContaining({ code: 'ELOOP' }),
    );
});

test('a pipe causes an error instead of a wait', () => {
  spawnSync('mkfifo', [join(folder, 'pipe')]);
  for (const use of ['read', 'change', 'append'] as const)
    expect(() => openRegularFile(join(folder, 'pipe'), use)).toThrow(
      expect.objectContaining({ code: 'ENXIO' }),
    );
});

test('a file that would fill the memory is not read', () => {
  writeFileSync(join(folder, 'large'), '');
  truncateSync(join(folder, 'large'), 2 ** 30);
  expect(() => readRegularFile(join(folder, 'large'))).toThrow(expect.objectContaining({ code: 'EFBIG' }));
});
