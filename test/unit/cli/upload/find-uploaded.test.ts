import { createHash } from 'node:crypto';
import { findUploaded } from '../../../../cli/upload/find-uploaded';
import type { ObjectHead, ObjectInfo } from '../../../../core/storage/storage';
import { MemoryStorage } from '../../../support/memory-storage';

const UPLOADS = new URL('memory://films/uploads/');

/** Counts requests as S3 has them: a listing is one for each 1,000 objects that it gives. */
class CountedStorage extends MemoryStorage {
  heads = 0;
  listings = 0;

  override async head(url: URL): Promise<ObjectHead | undefined> {
    this.heads += 1;
    return super.head(url);
  }

  override async *list(prefix: URL): AsyncGenerator<ObjectInfo> {
    let given = 0;
    for await (const object of super.list(prefix)) {
      if (given % 1000 === 0) this.listings += 1;
      given += 1;
      yield object;
    }
    if (given === 0) this.listings += 1;
  }
}

const urlOf = (name: string): URL =>
  new URL(`submitted/${createHash('md5').update(name).digest('hex').slice(0, 16)}/${name}`, UPLOADS);

async function stored(names: readonly string[]): Promise<CountedStorage> {
  const storage = new CountedStorage();
  for (const name of names) await storage.put(urlOf(name), name);
  return storage;
}

const names = (count: number, of: string): string[] =>
  Array.from({ length: count }, (_, index) => `${of}_${index}.png`);

async function find(storage: CountedStorage, wanted: readonly string[]): Promise<number> {
  return (await findUploaded(wanted.map(urlOf), UPLOADS, storage)).size;
}

describe('findUploaded', () => {
  test('asks for each of a few objects', async () => {
    const few = names(8, 'few');
    const storage = await stored([...few, ...names(100, 'other')]);
    expect(await find(storage, few)).toBe(8);
    expect(storage).toMatchObject({ heads: 8, listings: 0 });
  });

  test('lists many objects with at most 10 requests per 1,000', async () => {
    const all = names(2000, 'plate');
    const storage = await stored(all);
    expect(await find(storage, all)).toBe(2000);
    expect(storage.heads).toBe(0);
    expect(storage.listings).toBeLessThanOrEqual(20);
  });

  test('finds what an almost empty bucket has', async () => {
    const all = names(300, 'plate');
    const storage = await stored(all.slice(0, 3));
    expect(await find(storage, all)).toBe(3);
    expect(storage.heads).toBe(0);
  });

  test('gives up listing a bucket that holds too much else', async () => {
    const wanted = names(20, 'plate');
    const storage = await stored([...wanted, ...names(3000, 'other')]);
    expect(await find(storage, wanted)).toBe(20);
    expect(storage.listings).toBeLessThanOrEqual(2);
  });

  test('gives the ETag of each object', async () => {
    const all = names(20, 'plate');
    const storage = await stored(all);
    const found = await findUploaded(all.map(urlOf), UPLOADS, storage);
    const etags = all.map((name) => found.get(urlOf(name).href)?.etag);
    expect(etags).toEqual(all.map((name) => createHash('md5').update(name).digest('hex')));
  });
});
