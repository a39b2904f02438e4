import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openFileCache, openKernelCache } from '../../container/worker/file-cache';
import { sandboxed } from '../../container/worker/programs';
import { CountingStorage, putAll } from '../support/made-scenes';
import { useScratchFolder } from '../support/scratch-folder';

const at = useScratchFolder();

async function setUp() {
  const storage = new CountingStorage();
  await putAll(storage, { 'uploads/film/wood.png': 'wood' });
  const file = (await storage.head(new URL('memory://films/uploads/film/wood.png')))!;
  const cache = await openFileCache(at('cache'), storage);
  return { storage, take: (target: string) => cache.take(file, at(target)) };
}

const read = (name: string) => readFileSync(at(name), 'utf8');

test('a job cannot change the file of another job or the cache', async () => {
  const { storage, take } = await setUp();
  for (const job of ['a', 'b']) await take(`${job}/wood.png`);
  chmodSync(at('a/wood.png'), 0o666);
  const write = [process.execPath, '-e', "require('fs').writeFileSync('wood.png', 'EVIL')"];
  const [program, ...args] = sandboxed(write, { write: [at('a')] }, process.env);
  execFileSync(program!, args, { cwd: at('a') });
  expect(read('a/wood.png')).toBe('EVIL');
  expect(read('b/wood.png')).toBe('wood');
  expect(statSync(at('b/wood.png')).nlink).toBe(1);
  await take('c/wood.png');
  expect(read('c/wood.png')).toBe('wood');
  expect(storage.counts.fetch).toBe(1);
});

/** What another container, which runs as the same user, can put in place of the content of an entry. */
const REPLACEMENTS: ReadonlyArray<[string, (content: string) => unknown]> = [
  ['other bytes', (content) => writeFileSync(content, 'EVIL')],
  ['a larger file', (content) => writeFileSync(content, 'wood and more')],
  ['a symbolic link', (content) => symlinkSync(at('own'), content)],
  ['a link to a device', (content) => symlinkSync('/dev/zero', content)],
  ['a hard link', (content) => linkSync(at('own'), content)],
  ['a named pipe', (content) => execFileSync('mkfifo', [content])],
  ['a folder', (content) => mkdirSync(content)],
];

test.each(REPLACEMENTS)(
  'a cache entry whose content was replaced by %s is downloaded again',
  async (_, replace) => {
    const { storage, take } = await setUp();
    writeFileSync(at('own'), 'wood');
    await take('a/wood.png');
    const entry = at('cache', readdirSync(at('cache'))[0]!);
    rmSync(join(entry, 'content'));
    replace(join(entry, 'content'));
    await take('b/wood.png');
    expect(read('b/wood.png')).toBe('wood');
    expect(statSync(at('b/wood.png')).nlink).toBe(1);
    expect(storage.counts.fetch).toBe(2);
    expect(read('own')).toBe('wood');
  },
);

test('the cache does not follow a link in place of an entry', async () => {
  const { take } = await setUp();
  await take('a/wood.png');
  const entry = at('cache', readdirSync(at('cache'))[0]!);
  rmSync(entry, { recursive: true });
  mkdirSync(at('own'));
  symlinkSync(at('own'), entry);
  await take('b/wood.png');
  expect(read('b/wood.png')).toBe('wood');
  expect(readdirSync(at('own'))).toEqual([]);
});

/** Keeps a database as OptiX does, with a rollback journal and with a log that several processes map, and locks a file. */
const KEEP_DATABASE = `
import fcntl, os, sqlite3, sys
for mode in ("delete", "wal"):
    base = sqlite3.connect(os.path.join(sys.argv[1], mode + ".db"))
    print(base.execute("pragma journal_mode=" + mode).fetchone()[0])
    base.execute("create table kernels (code blob)")
    base.execute("insert into kernels values (?)", (b"x" * 100000,))
    base.commit()
    base.close()
with open(os.path.join(sys.argv[1], "index"), "w") as index:
    fcntl.flock(index, fcntl.LOCK_EX)
    fcntl.lockf(index, fcntl.LOCK_EX)
os.mkdir(os.path.join(sys.argv[1], "a"))
os.rename(os.path.join(sys.argv[1], "index"), os.path.join(sys.argv[1], "a", "index"))
`;

test('a sandboxed program can keep databases and locked files among the kernels of its render', async () => {
  const folder = (await openKernelCache(at('kernels'), { renderId: 'a' }))!;
  const command = ['/usr/bin/python3', '-c', KEEP_DATABASE, folder];
  const [program, ...args] = sandboxed(command, { write: [folder] }, process.env);
  const output = execFileSync(program!, args, { cwd: '/', encoding: 'utf8' });
  expect(output.split('\n').slice(0, 2)).toEqual(['delete', 'wal']);
  expect(readdirSync(folder).toSorted()).toEqual(['a', 'delete.db', 'wal.db']);
});

test('a sandboxed program cannot change the kernels of another render', async () => {
  const own = (await openKernelCache(at('kernels'), { renderId: 'a' }))!;
  const other = (await openKernelCache(at('kernels'), { renderId: 'b' }))!;
  const write = [process.execPath, '-e', `require('fs').writeFileSync('${join(other, 'index')}', 'EVIL')`];
  const [program, ...args] = sandboxed(write, { write: [own] }, process.env);
  expect(() => execFileSync(program!, args, { cwd: own, stdio: 'pipe' })).toThrow('EACCES');
  expect(readdirSync(other)).toEqual([]);
});

test.each([
  ['a symbolic link', (folder: string) => symlinkSync(at('own'), folder)],
  ['a file', (folder: string) => writeFileSync(folder, '')],
])('the kernel cache is not used if %s is in place of its folder', async (_, replace) => {
  mkdirSync(at('own'));
  const folder = (await openKernelCache(at('kernels'), { renderId: 'a' }))!;
  rmSync(folder, { recursive: true });
  replace(folder);
  expect(await openKernelCache(at('kernels'), { renderId: 'a' })).toBeUndefined();
});
