import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  claimFolder,
  FileCache,
  openFileCache,
  type SceneFile,
} from '../../../../container/worker/file-cache';
import { claimName, ELSEWHERE } from '../../../support/claim-name';
import { CountingStorage, putAll } from '../../../support/made-scenes';
import { useScratchFolder } from '../../../support/scratch-folder';

describe('file cache', () => {
  const at = useScratchFolder();
  const URL_OF_WOOD = new URL('memory://films/uploads/film/wood.png');

  async function setUp(text = 'wood') {
    const storage = new CountingStorage();
    await putAll(storage, { 'uploads/film/wood.png': text });
    const file: SceneFile = (await storage.head(URL_OF_WOOD))!;
    return { storage, file, cache: await openFileCache(at('cache'), storage) };
  }

  const entryOf = () => at('cache', readdirSync(at('cache'))[0]!);
  const read = (name: string) => readFileSync(at(name), 'utf8');

  test('the file cache downloads a file once for many concurrent callers', async () => {
    const { storage, file, cache } = await setUp();
    const other = await openFileCache(at('cache'), storage);
    const names = Array.from({ length: 20 }, (_, index) => `child-${index}/tex/wood.png`);
    await Promise.all(names.map((name, index) => (index % 2 ? cache : other).take(file, at(name))));
    for (const name of names) expect(read(name)).toBe('wood');
    expect(storage.counts.fetch).toBe(1);
    expect(readdirSync(join(entryOf(), 'claims'))).toEqual([]);
  });

  test('the file cache gives each caller a read-only copy that no other caller shares', async () => {
    const { storage, file, cache } = await setUp();
    await cache.take(file, at('one'));
    expect(statSync(at('one')).mode & 0o222).toBe(0);
    chmodSync(join(entryOf(), 'content'), 0o600);
    writeFileSync(join(entryOf(), 'content'), 'evil');
    await cache.take(file, at('two'));
    expect(read('two')).toBe('wood');
    expect(storage.counts.fetch).toBe(2);
  });

  test('the file cache keeps versions of a file apart', async () => {
    const { storage, file, cache } = await setUp();
    await cache.take(file, at('one'));
    await putAll(storage, { 'uploads/film/wood.png': 'oak' });
    await cache.take((await storage.head(URL_OF_WOOD))!, at('two'));
    expect([read('one'), read('two')]).toEqual(['wood', 'oak']);
  });

  test('the file cache rejects a file that changed since the plan and keeps nothing of it', async () => {
    const { storage, file, cache } = await setUp();
    await putAll(storage, { 'uploads/film/wood.png': 'oak' });
    await expect(cache.take(file, at('one'))).rejects.toMatchObject({ code: 'changed' });
    expect(readdirSync(entryOf()).toSorted()).toEqual(['claims']);
  });

  /** As a bucket with a KMS key: an ETag that is no hash of the bytes. */
  class OpaqueStorage extends CountingStorage {
    override async fetch(url: URL, directory: string) {
      return super.fetch(url, directory);
    }
  }

  test('the file cache downloads a file for each caller if its ETag is not an MD5', async () => {
    const storage = new OpaqueStorage();
    await putAll(storage, { 'uploads/film/wood.png': 'wood' });
    const cache = new FileCache(at('cache'), storage);
    mkdirSync(at('cache'));
    const file = { url: URL_OF_WOOD, etag: '0'.repeat(32), size: 4 };
    for (const name of ['one', 'two', 'three']) await cache.take(file, at(name));
    expect([read('one'), read('two'), read('three')]).toEqual(['wood', 'wood', 'wood']);
    expect(storage.counts.fetch).toBe(3);
  });

  test('the file cache deletes the rest of a killed download', async () => {
    const { file, cache } = await setUp();
    await cache.take(file, at('one'));
    const entry = entryOf();
    writeFileSync(join(entry, 'incoming-of-the-dead'), 'ha');
    rmSync(join(entry, 'content'));
    await cache.take(file, at('two'));
    expect(readdirSync(entry).toSorted()).toEqual(['claims', 'content']);
  });

  test('the file cache deletes the oldest entries on a full disk, and only as many as necessary', async () => {
    const { storage } = await setUp();
    await putAll(storage, { a: 'aaaa', b: 'bbbb', c: 'cccc', d: 'dddd' });
    const held = () =>
      readdirSync(at('cache'))
        .filter((entry) => readdirSync(at('cache', entry)).includes('content'))
        .map((entry) => readFileSync(at('cache', entry, 'content'), 'utf8'))
        .toSorted();
    // Room for three.
    const cache = new FileCache(
      at('cache'),
      storage,
      async (_, bytes) => held().join('').length + bytes <= 12,
    );
    const take = async (key: string) =>
      cache.take((await storage.head(new URL(`memory://films/${key}`)))!, at(`taken ${key}`));
    for (const key of ['a', 'b', 'c', 'a', 'd']) {
      await take(key);
      rmSync(at(`taken ${key}`));
      await sleep(20);
    }
    expect(held()).toEqual(['aaaa', 'cccc', 'dddd']);
  });

  test('the file cache works in a folder that it may not list, and deletes nothing there', async () => {
    // Only root can act as another user for a while.
    if (process.getuid?.() !== 0) {
      process.stderr.write('not root: the cache in a folder that it may not list is NOT tested\n');
      return;
    }
    const { storage, file } = await setUp();
    rmSync(at('cache'), { recursive: true });
    mkdirSync(at('cache'));
    chmodSync(at('cache'), 0o1733);
    chmodSync(at(), 0o777);
    const full = new FileCache(at('cache'), storage, async () => false);
    process.seteuid!(10_001);
    try {
      expect(() => readdirSync(at('cache'))).toThrow('EACCES');
      await full.take(file, at('one'));
      await full.take(file, at('two'));
    } finally {
      process.seteuid!(0);
    }
    expect([read('one'), read('two')]).toEqual(['wood', 'wood']);
    expect(storage.counts.fetch).toBe(1);
  });
});

describe('folder claim', () => {
  const at = useScratchFolder();
  const unsettled = async () => false;

  test('claimFolder lets only one of many concurrent callers hold a folder', async () => {
    let [holding, most, held] = [0, 0, 0];
    const worker = async () => {
      const claim = await claimFolder(at('claims'), unsettled);
      holding += 1;
      most = Math.max(most, holding);
      await sleep(2);
      holding -= 1;
      held += 1;
      await claim!.release();
    };
    await Promise.all(Array.from({ length: 12 }, worker));
    expect({ most, held }).toEqual({ most: 1, held: 12 });
    expect(readdirSync(at('claims'))).toEqual([]);
  });

  function putClaim(name: string, secondsOld: number): void {
    mkdirSync(at('claims'), { recursive: true });
    writeFileSync(at('claims', name), '');
    const time = new Date(Date.now() - secondsOld * 1000);
    utimesSync(at('claims', name), time, time);
  }

  test.each([
    // Of another process namespace (none has this number), whose process ids say nothing here.
    ['another container that was not refreshed for long', claimName({ pids: '1' }), 60],
    ['another machine that was not refreshed for long', claimName(ELSEWHERE), 60],
    // Process 999999999 cannot exist: the kernel's largest is 4194304.
    ['a process that is gone', claimName({ pid: 999999999 }), 0],
  ])('claimFolder ignores the claim of %s', async (_, name, secondsOld) => {
    putClaim(name, secondsOld);
    const claim = await claimFolder(at('claims'), unsettled);
    expect(readdirSync(at('claims'))).toHaveLength(1);
    await claim!.release();
  });

  test.each([
    ['another container', claimName({ pids: '1', pid: 999999999 })],
    // Both machines have the same number for their first process namespace.
    ['another machine', claimName({ ...ELSEWHERE, pid: 999999999 })],
  ])('claimFolder waits for the claim of a living process in %s', async (_, name) => {
    putClaim(name, 0);
    let got = false;
    const waiting = claimFolder(at('claims'), unsettled).then((claim) => {
      got = true;
      return claim!.release();
    });
    await sleep(200);
    expect(got).toBe(false);
    // It has shown no sign of life since.
    putClaim(name, 60);
    await waiting;
    expect(got).toBe(true);
  });

  test('claimFolder stops waiting when the work is done meanwhile, and leaves no claim', async () => {
    // Of two claims of the same millisecond chance says which counts as the earlier one: both come up in so many rounds.
    const now = jest.spyOn(Date, 'now').mockReturnValue(1_000_000);
    for (let round = 0; round < 20; round += 1) {
      const claim = await claimFolder(at('claims'), unsettled);
      let settled = false;
      const waiting = claimFolder(at('claims'), async () => settled);
      settled = true;
      expect(await waiting).toBeUndefined();
      await claim!.release();
    }
    now.mockRestore();
    expect(readdirSync(at('claims'))).toEqual([]);
  });
});
