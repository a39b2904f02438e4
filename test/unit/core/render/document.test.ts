import * as z from 'zod/mini';
import { NEWER_FORMAT } from '../../../../core/json';
import { Document, type DocumentKind } from '../../../../core/render/document';
import { type PutOptions, StorageError } from '../../../../core/storage/storage';
import { MemoryStorage } from '../../../support/memory-storage';

interface Count {
  readonly version: 1;
  readonly count: number;
}

const KIND: DocumentKind<Count> = {
  name: 'count',
  schema: z.object({ version: z.literal(1), count: z.int() }),
};
const URL_OF_COUNT = new URL('memory://films/renders/shot/count.json');
const count = (n: number): Count => ({ version: 1, count: n });
const plusOne = (before: Count | undefined): Count => count((before?.count ?? 0) + 1);

/** Storage with another writer that acts before each of the first writes. */
class ContendedStorage extends MemoryStorage {
  private deeds: Array<() => Promise<void>> = [];

  disturb(times: number, deed: (storage: MemoryStorage) => Promise<void>): void {
    this.deeds = Array.from({ length: times }, () => () => deed(this));
  }

  override async put(url: URL, body: Uint8Array | string, options: PutOptions = {}): Promise<void> {
    await this.deeds.shift()?.();
    await super.put(url, body, options);
  }
}

function documentIn(storage: MemoryStorage, kind: Partial<DocumentKind<Count>> = {}, url = URL_OF_COUNT) {
  return new Document(url, { ...KIND, ...kind }, storage);
}

async function holding(text: string, kind?: Partial<DocumentKind<Count>>) {
  const storage = new MemoryStorage();
  await storage.put(URL_OF_COUNT, text);
  return documentIn(storage, kind);
}

const UNREADABLE = ['', 'torn {', '{"version":1}', '[]'];

describe('reading', () => {
  test('a missing document is undefined', async () => {
    const document = documentIn(new MemoryStorage());
    expect(await document.read()).toBeUndefined();
    expect(await document.readIfValid()).toBeUndefined();
    expect(await document.find()).toEqual({});
    expect(await document.modifiedAt()).toBeUndefined();
  });

  test('a missing document that is required is not-found', async () => {
    await expect(documentIn(new MemoryStorage()).require()).rejects.toMatchObject({ code: 'not-found' });
  });

  test.each(UNREADABLE)(
    'an unreadable document %j throws bad-<name> naming file, fault and remedy',
    async (text) => {
      const document = await holding(text, { fault: 'scene', remedy: 'count again' });
      for (const read of [document.read(), document.require()])
        await expect(read).rejects.toMatchObject({
          code: 'bad-count',
          kind: 'scene',
          message: expect.stringMatching(
            /^memory:\/\/films\/renders\/shot\/count\.json is damaged \(.+\); count again$/,
          ),
        });
    },
  );

  test.each(UNREADABLE)(
    'an unreadable document %j counts as missing if only a valid one is wanted',
    async (text) => {
      expect(await (await holding(text)).readIfValid()).toBeUndefined();
    },
  );

  test('damage is reported in one line without the name', async () => {
    expect(await (await holding('torn')).find()).toEqual({ damage: 'it is not JSON' });
  });

  test('a newer format has the error code of its kind', async () => {
    const newer = '{"version":2,"count":1}';
    expect(await (await holding(newer)).find()).toEqual({ damage: NEWER_FORMAT });
    await expect((await holding(newer)).read()).rejects.toMatchObject({ code: 'bad-count' });
    const document = await holding(newer, { newerCode: 'newer-count' });
    await expect(document.read()).rejects.toMatchObject({ code: 'newer-count' });
  });

  describe('to which access is denied', () => {
    const deniedAt = (href: string) => {
      const url = new URL(href);
      const storage = new MemoryStorage();
      storage.get = () => Promise.reject(new StorageError('denied', url, 'no'));
      return documentIn(storage, {}, url);
    };
    const [ON_DISK, IN_BUCKET] = ['file:///films/count.json', 's3://films/count.json'];

    test('counts as unreadable on a disk', async () => {
      expect(await deniedAt(ON_DISK).find()).toEqual({ damage: 'permission denied' });
    });

    test('is an error in a bucket', async () => {
      await expect(deniedAt(IN_BUCKET).find()).rejects.toMatchObject({ code: 'denied' });
    });

    test.each([ON_DISK, IN_BUCKET])('is an error if it is read from %s', async (href) => {
      await expect(deniedAt(href).read()).rejects.toMatchObject({ code: 'denied' });
    });
  });
});

describe('creating', () => {
  test('a missing document is written', async () => {
    const document = documentIn(new MemoryStorage());
    expect(await document.create(count(1))).toEqual(count(1));
    expect(await document.read()).toEqual(count(1));
  });

  test('the first of two writers wins', async () => {
    const document = documentIn(new MemoryStorage());
    const both = await Promise.all([document.create(count(1)), document.create(count(2))]);
    expect(both).toEqual([count(1), count(1)]);
  });

  test('an unreadable document is not written over', async () => {
    const document = await holding('torn');
    await expect(document.create(count(1))).rejects.toMatchObject({ code: 'bad-count' });
    expect(await document.createNew(count(1))).toBe(false);
    expect(await document.find()).toEqual({ damage: 'it is not JSON' });
  });
});

describe('updating', () => {
  test('a missing and an unreadable document are changed as undefined', async () => {
    for (const document of [documentIn(new MemoryStorage()), await holding('torn')]) {
      expect(await document.update(plusOne)).toEqual({ before: undefined, after: count(1) });
      expect(await document.update(plusOne)).toEqual({ before: count(1), after: count(2) });
    }
  });

  test('nothing is written if there is nothing to change', async () => {
    const storage = new MemoryStorage();
    const document = documentIn(storage);
    expect(await document.update(() => undefined)).toEqual({ before: undefined, after: undefined });
    await document.write(count(1));
    storage.put = () => Promise.reject(new Error('written'));
    expect(await document.update(() => undefined)).toEqual({ before: count(1), after: count(1) });
  });

  test('no change of many writers at once is lost', async () => {
    const document = documentIn(new MemoryStorage());
    await Promise.all(Array.from({ length: 4 }, () => document.update(plusOne)));
    expect(await document.read()).toEqual(count(4));
  });

  test('a change of another writer between reading and writing is kept', async () => {
    const storage = new ContendedStorage();
    const document = documentIn(storage);
    storage.disturb(3, async () => {
      const { count: n = 0 } = (await document.readIfValid()) ?? {};
      await MemoryStorage.prototype.put.call(storage, URL_OF_COUNT, JSON.stringify(count(n + 10)));
    });
    await document.update(plusOne);
    expect(await document.read()).toEqual(count(31));
  });

  test('a document that another writer deletes meanwhile is written again', async () => {
    const storage = new ContendedStorage();
    const document = documentIn(storage);
    await document.write(count(5));
    storage.disturb(1, () => document.delete());
    expect(await document.update(plusOne)).toEqual({ before: undefined, after: count(1) });
  });

  test('gives up with <name>-contended after some conflicts', async () => {
    const storage = new ContendedStorage();
    let n = 0;
    storage.disturb(100, () =>
      MemoryStorage.prototype.put.call(storage, URL_OF_COUNT, JSON.stringify(count((n += 1)))),
    );
    await expect(documentIn(storage).update(plusOne)).rejects.toMatchObject({
      code: 'count-contended',
      kind: 'passing',
    });
    expect(n).toBeLessThan(20);
  });

  test('a failure of storage is thrown', async () => {
    const storage = new MemoryStorage();
    storage.put = (url) => Promise.reject(new StorageError('denied', url, 'no'));
    await expect(documentIn(storage).update(plusOne)).rejects.toMatchObject({ code: 'denied' });
  });
});

describe('a version', () => {
  test('can be replaced if no other writer changes the document', async () => {
    const document = await holding('torn');
    const { damage, modifiedAt, replace } = await document.version();
    expect(damage).toBe('it is not JSON');
    expect(modifiedAt).toEqual(await document.modifiedAt());
    expect(await replace(count(1))).toBe(true);
    expect(await document.read()).toEqual(count(1));
  });

  test('cannot be replaced once another writer has changed the document', async () => {
    const document = documentIn(new MemoryStorage());
    await document.write(count(1));
    const version = await document.version();
    expect(version.value).toEqual(count(1));
    await document.write(count(2));
    expect(await version.replace(count(3))).toBe(false);
    expect(await document.read()).toEqual(count(2));
  });

  test('of a missing document creates it, unless another writer has', async () => {
    const document = documentIn(new MemoryStorage());
    const [first, second] = [await document.version(), await document.version()];
    expect(first.modifiedAt).toBeUndefined();
    expect(await first.replace(count(1))).toBe(true);
    expect(await second.replace(count(2))).toBe(false);
  });

  test('is missing if the document is deleted while it is read', async () => {
    const storage = new MemoryStorage();
    const document = documentIn(storage);
    await document.write(count(1));
    const get = storage.get.bind(storage);
    storage.get = async (url) => {
      await storage.delete(url);
      return get(url);
    };
    const version = await document.version();
    expect(version.value).toBeUndefined();
    expect(await version.replace(count(2))).toBe(true);
  });
});

describe('writing', () => {
  async function written(kind: Partial<DocumentKind<Count>>, value: Count) {
    const storage = new MemoryStorage();
    const put = jest.spyOn(storage, 'put');
    await documentIn(storage, kind).write(value);
    const [, body, options] = put.mock.calls[0]!;
    return { body, options };
  }

  test('the kind decides form and durability', async () => {
    expect(await written({}, count(1))).toEqual({
      body: '{\n  "version": 1,\n  "count": 1\n}',
      options: { contentType: 'application/json' },
    });
    expect(await written({ isCompact: true, isDurable: true }, count(1))).toEqual({
      body: '{"version":1,"count":1}',
      options: { contentType: 'application/json', durable: true },
    });
  });

  test('a checked kind leaves out unknown fields', async () => {
    const { body } = await written({ isChecked: true, isCompact: true }, { ...count(1), more: 2 } as Count);
    expect(body).toBe('{"version":1,"count":1}');
  });

  test('a checked kind refuses what no reader could read', async () => {
    const storage = new MemoryStorage();
    const document = documentIn(storage, { isChecked: true });
    const refusal = { code: 'bad-count', kind: 'internal' };
    await expect(document.write(count(NaN))).rejects.toMatchObject(refusal);
    await expect(document.update(() => count(0.5))).rejects.toMatchObject(refusal);
    expect(await document.read()).toBeUndefined();
  });

  test('an unchecked kind writes whatever it is given', async () => {
    const document = documentIn(new MemoryStorage());
    await document.write(count(0.5));
    expect(await document.readIfValid()).toBeUndefined();
  });

  test('a document can be deleted, also one that is missing', async () => {
    const document = documentIn(new MemoryStorage());
    await document.delete();
    await document.write(count(1));
    await document.delete();
    expect(await document.read()).toBeUndefined();
  });
});
