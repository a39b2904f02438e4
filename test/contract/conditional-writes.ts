import type { Storage } from '../../core/storage/storage';
import { failure } from './storage-failure';

interface Under {
  readonly storage: Storage;
  /** A URL in an empty folder of the test's own. */
  readonly at: (...segments: string[]) => URL;
}

/** The laws of `ifAbsent` and `ifMatch`, for every storage. */
export function describeConditionalWrites(underTest: () => Under): void {
  let storage: Storage;
  let at: Under['at'];
  beforeEach(() => {
    ({ storage, at } = underTest());
  });

  const text = async (url: URL): Promise<string> => Buffer.from(await storage.get(url)).toString();
  const etagOf = async (url: URL): Promise<string> => (await storage.head(url))!.etag;

  it('writes with ifAbsent once and leaves the first version', async () => {
    await storage.put(at('once'), 'first', { ifAbsent: true });
    const error = await failure(storage.put(at('once'), 'second', { ifAbsent: true }));
    expect(error).toMatchObject({ code: 'exists', url: { href: at('once').href } });
    expect(await text(at('once'))).toBe('first');
    await storage.delete(at('once'));
    await storage.put(at('once'), 'third', { ifAbsent: true });
    expect(await text(at('once'))).toBe('third');
  });

  it('lets exactly one of 20 writers with ifAbsent win', async () => {
    for (const target of ['manifest.json', 'jobs.json', 'other.json']) {
      const writers = Array.from({ length: 20 }, (_, writer) => `writer ${writer}`);
      const results = await Promise.allSettled(
        writers.map((writer) => storage.put(at(target), writer, { ifAbsent: true })),
      );
      const won = writers.filter((_, writer) => results[writer]?.status === 'fulfilled');
      expect(won).toEqual([await text(at(target))]);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'exists' });
      }
    }
    const listed: string[] = [];
    for await (const { url } of storage.list(new URL('.', at('any'))))
      listed.push(url.pathname.split('/').pop()!);
    expect(listed).toEqual(['jobs.json', 'manifest.json', 'other.json']);
  });

  it('replaces only the version that ifMatch names', async () => {
    const url = at('claim.json');
    await storage.put(url, 'first');
    const first = await etagOf(url);
    await storage.put(url, 'second', { ifMatch: first });
    expect(await text(url)).toBe('second');
    const error = await failure(storage.put(url, 'third', { ifMatch: first }));
    expect(error).toMatchObject({ code: 'changed', url: { href: url.href } });
    expect(await text(url)).toBe('second');
  });

  it('writes nothing with ifMatch if the object is missing', async () => {
    const url = at('gone.json');
    await storage.put(url, 'first');
    const etag = await etagOf(url);
    await storage.delete(url);
    expect(await failure(storage.put(url, 'second', { ifMatch: etag }))).toMatchObject({ code: 'changed' });
    expect(await storage.head(url)).toBeUndefined();
  });

  it('lets exactly one of 20 writers with ifMatch win', async () => {
    const url = at('taken over.json');
    await storage.put(url, 'left behind');
    const etag = await etagOf(url);
    const writers = Array.from({ length: 20 }, (_, writer) => `writer ${writer}`);
    const results = await Promise.allSettled(
      writers.map((writer) => storage.put(url, writer, { ifMatch: etag })),
    );
    const won = writers.filter((_, writer) => results[writer]?.status === 'fulfilled');
    expect(won).toEqual([await text(url)]);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'changed' });
    }
  });
}
