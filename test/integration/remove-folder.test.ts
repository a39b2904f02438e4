import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { removeFolder } from '../../core/storage/file-storage';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';

jest.setTimeout(120_000);

const at = useScratchFolder();

const ROUNDS = 8;

/** So many that the folder is swapped while they are removed. */
const FILES = Array.from({ length: 300 }, (_, i) => `file-${i}`);

test('removeFolder follows no link while a process swaps a folder for one', async () => {
  mkdirSync(at('outside'));
  for (const name of FILES) writeFileSync(at('outside', name), '');
  const racer = spawn('perl', [
    join(ROOT, 'test/fixtures/attack/swap-folder.pl'),
    at('folder'),
    at('outside'),
  ]);
  try {
    await once(racer.stdout, 'data');
    for (let round = 0; round < ROUNDS; round += 1) {
      mkdirSync(at('folder', `${round}`), { recursive: true });
      for (const name of FILES) writeFileSync(at('folder', `${round}`, name), '');
      renameSync(at('folder', `${round}`), at('folder/a'));
      try {
        removeFolder(at('folder'));
      } catch {
        // The other process may put the folder back each time.
      }
      expect(readdirSync(at('outside'))).toHaveLength(FILES.length);
    }
  } finally {
    racer.kill('SIGKILL');
    await once(racer, 'exit');
  }
  removeFolder(at('folder'));
  expect(existsSync(at('folder'))).toBe(false);
});

const runsAsRoot = process.getuid?.() === 0;

/** As the worker's user where that is possible: permissions mean nothing to root. */
function asUser(command: readonly string[]): string {
  const user = ['setpriv', '--reuid=10001', '--regid=10001', '--clear-groups', '--'];
  const [program, ...argv] = [...(runsAsRoot ? user : []), ...command];
  return execFileSync(program!, argv, { cwd: '/', encoding: 'utf8' });
}

test('removeFolder throws only for folders of another user', () => {
  buildSync({
    entryPoints: [join(ROOT, 'core/storage/file-storage.ts')],
    outfile: at('remove-folder.js'),
    bundle: true,
    platform: 'node',
  });
  chmodSync(at(), 0o777);
  mkdirSync(at('locked/inner'), { recursive: true });
  const script = `
    const { mkdirSync, chmodSync, existsSync } = require('node:fs');
    const [module, folder, locked] = process.argv.slice(1);
    mkdirSync(folder + '/a/b/c', { recursive: true });
    for (const path of ['/a/b/c', '/a/b', '/a', '']) chmodSync(folder + path, 0);
    const { removeFolder } = require(module);
    removeFolder(folder);
    console.log(existsSync(folder));
    try { removeFolder(locked); } catch (error) { console.log(error.code); }
  `;
  const argv = ['-e', script, at('remove-folder.js'), at('folder'), at('locked')];
  const words = asUser([process.execPath, ...argv]);
  expect(words).toBe(runsAsRoot ? 'false\nENOTEMPTY\n' : 'false\n');
});

test('removeFolder removes more folders of one folder than a call can have arguments', () => {
  const outfile = at('remove-folder.js');
  buildSync({
    entryPoints: [join(ROOT, 'core/storage/file-storage.ts')],
    outfile,
    bundle: true,
    platform: 'node',
  });
  mkdirSync(at('folder/a/b'), { recursive: true });
  for (let i = 0; i < 12_000; i += 1) mkdirSync(at('folder/a/b', `${i}`));
  const script = 'require(process.argv[1]).removeFolder(process.argv[2])';
  // With a usual stack it takes 130,000 folders.
  execFileSync(process.execPath, ['--stack-size=80', '-e', script, outfile, at('folder')]);
  expect(existsSync(at('folder'))).toBe(false);
});
