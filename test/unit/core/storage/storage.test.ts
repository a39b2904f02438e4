import * as fc from 'fast-check';
import {
  bucketAndKey,
  childUrl,
  formatLocation,
  keyUrl,
  parseLocation,
  requireObject,
  StorageError,
} from '../../../../core/storage/storage';
import { UploadWorld } from '../../../support/upload-world';

describe('location', () => {
  const CWD = '/home/artist/films';

  /** Any text that may be a part of a key or a path, weighted towards what URLs treat specially. */
  const segment = fc
    .oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
      fc.string({
        unit: fc.constantFrom(...Array.from(' +#?%&=:@\\;é映🎬.~"\'<>|\t\n0aA')),
        minLength: 1,
        maxLength: 12,
      }),
    )
    .filter((text) => text !== '.' && text !== '..' && !text.includes('/') && !text.includes('\0'));
  const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));

  function codeOf(attempt: () => unknown): string {
    try {
      attempt();
    } catch (error) {
      if (error instanceof StorageError) return error.code;
      throw error;
    }
    return 'no error';
  }

  describe('parseLocation', () => {
    it.each([
      ['s3://bucket/a b+c#d?e%f.blend', 's3://bucket/a%20b%2Bc%23d%3Fe%25f.blend'],
      ['s3://bucket/already%20encoded', 's3://bucket/already%2520encoded'],
      ['s3://bucket', 's3://bucket/'],
      ['s3://bucket/folder/', 's3://bucket/folder/'],
      ['s3://bucket//two//slashes', 's3://bucket//two//slashes'],
      ['s3://my.Old_Bucket/x', 's3://my.Old_Bucket/x'],
      ['scene.blend', 'file:///home/artist/films/scene.blend'],
      ['./a b.blend', 'file:///home/artist/films/a%20b.blend'],
      ['../x/', 'file:///home/artist/x/'],
      ['/', 'file:///'],
      ['/tmp/100%#?.blend', 'file:///tmp/100%25%23%3F.blend'],
      ['file:///tmp/a%20b.blend', 'file:///tmp/a%20b.blend'],
      ['file:///tmp/a b(1).blend', 'file:///tmp/a%20b(1).blend'],
      ['/tmp/\u0001', 'file:///tmp/%01'],
      ['memory://bucket/k', 'memory://bucket/k'],
    ])('reads %s', (text, href) => {
      expect(parseLocation(text, CWD).href).toBe(href);
    });

    it.each([
      'https://example.com/scene.blend',
      'S3://bucket/key',
      's3:///key',
      's3://bucket:80/key',
      's3://b@d/key',
      's3://bucket/../key',
      's3://bucket/a/./b',
      's3://bucket/\ud800',
      'file://scene.blend',
      'file:///tmp/%00',
      'file:///a%2Fb',
      '/tmp/\0',
      '/tmp/\0b',
      '',
    ])('rejects %j', (text) => {
      expect(codeOf(() => formatLocation(parseLocation(text, CWD)))).toBe('bad-url');
    });

    it('reads back any key of a bucket that formatLocation wrote', () => {
      fc.assert(
        fc.property(key, fc.constantFrom('s3:', 'memory:'), fc.boolean(), (text, protocol, folder) => {
          const location = `${protocol}//bucket/${text}${folder ? '/' : ''}`;
          const url = parseLocation(location, CWD);
          expect(formatLocation(url)).toBe(location);
          expect(formatLocation(new URL(url.href))).toBe(location);
          expect(bucketAndKey(url)).toEqual({ bucket: 'bucket', key: text + (folder ? '/' : '') });
        }),
      );
    });

    it('reads back any path that formatLocation wrote', () => {
      fc.assert(
        fc.property(key, fc.boolean(), (text, folder) => {
          const path = `/${text}${folder ? '/' : ''}`;
          expect(formatLocation(parseLocation(path, CWD))).toBe(path);
          expect(formatLocation(new URL(parseLocation(path, CWD).href))).toBe(path);
        }),
      );
    });
  });

  describe('childUrl', () => {
    it('joins a key to a folder with or without its slash', () => {
      const url = 's3://bucket/renders/a%20b/frames/0001.png';
      expect(childUrl(new URL('s3://bucket/renders'), 'a b', 'frames', '0001.png').href).toBe(url);
      expect(childUrl(new URL('s3://bucket/renders/'), 'a b', 'frames/0001.png').href).toBe(url);
      expect(childUrl(new URL('s3://bucket'), 'frames/').href).toBe('s3://bucket/frames/');
      expect(childUrl(new URL('file:///out'), 'a b', '1.png').href).toBe('file:///out/a%20b/1.png');
      expect(childUrl(new URL('file:///out/'), 'frames/').href).toBe('file:///out/frames/');
    });

    it('never leaves the folder for any segments', () => {
      const bases = [new URL('s3://bucket/out/'), new URL('memory://bucket/out/'), new URL('file:///out/')];
      const anything = fc.string({ unit: fc.constantFrom('.', '/', '\\', '%', '2', 'e', 'a', '#', '?') });
      fc.assert(
        fc.property(fc.array(fc.oneof(anything, segment)), fc.constantFrom(...bases), (segments, base) => {
          const refused = codeOf(() => childUrl(base, ...segments)) === 'bad-url';
          const start = formatLocation(base);
          expect(refused || formatLocation(childUrl(base, ...segments)).startsWith(start)).toBe(true);
        }),
      );
    });

    it('rejects .. in a segment', () => {
      for (const base of [new URL('s3://bucket/out/'), new URL('file:///out/')]) {
        expect(codeOf(() => childUrl(base, '..', 'x'))).toBe('bad-url');
        expect(codeOf(() => childUrl(base, 'a/../../x'))).toBe('bad-url');
      }
    });
  });

  describe('bucketAndKey', () => {
    it.each(['s3://bucket/a?b', 's3://bucket/a#b', 's3://bucket/100%'])(
      'rejects the badly encoded %s',
      (href) => {
        expect(codeOf(() => bucketAndKey(new URL(href)))).toBe('bad-url');
      },
    );

    it('keeps a plus', () => {
      expect(bucketAndKey(new URL('s3://bucket/a+b')).key).toBe('a+b');
    });
  });

  describe('requireObject', () => {
    it('rejects folders and buckets', () => {
      for (const href of ['s3://bucket', 's3://bucket/', 's3://bucket/a/', 'file:///tmp/']) {
        expect(codeOf(() => requireObject(new URL(href)))).toBe('bad-url');
      }
      expect(requireObject(keyUrl('s3:', 'bucket', 'a')).href).toBe('s3://bucket/a');
    });
  });
});

describe('repeated uploads', () => {
  /** Everything that another uploader could change: the objects outside `uploads/`, the jobs and messages. */
  async function kept(world: UploadWorld) {
    const keys = (await world.keys()).filter((key) => !key.startsWith('uploads/'));
    const contents = await Promise.all(keys.map(async (key) => [key, await world.json(key)] as const));
    return { ...Object.fromEntries(contents), jobs: world.jobNames(), messages: world.notifications.length };
  }

  /** A world with an upload `uploads/a.blend` with this metadata. */
  async function uploaded(metadata: Record<string, string> = {}): Promise<UploadWorld> {
    const world = new UploadWorld();
    await world.deliver(await world.upload('uploads/a.blend', metadata));
    return world;
  }

  describe('an upload of the same bytes to the same key', () => {
    test.each<[string, Record<string, string>, Record<string, string>]>([
      ['sets no cap', {}, { 'max-cost': '0.000001' }],
      ['lowers no cap', { 'max-cost': '5' }, { 'max-cost': '0.000001' }],
      ['raises no cap', { 'max-cost': '5' }, { 'max-cost': '5000' }],
      ['removes no cap', { 'max-cost': '5' }, {}],
      ['changes no tags', { tags: 'artist=ann' }, { tags: 'artist=eve' }],
      ['adds no tags', {}, { tags: 'artist=eve' }],
      [
        'changes neither cap nor tags of a named render',
        { name: 'Take-2' },
        { name: 'Take-2', 'max-cost': '1', tags: 'a=b' },
      ],
    ])('%s', async (_, first, second) => {
      const world = await uploaded(first);
      const before = await kept(world);
      expect(await world.deliver(await world.upload('uploads/a.blend', second))).toBe(true);
      expect(await kept(world)).toEqual(before);
    });

    test('does not restore a removed cap', async () => {
      const world = await uploaded({ 'max-cost': '5' });
      const cap = (await world.keys()).find((key) => key.startsWith('caps/'))!;
      await world.storage.delete(childUrl(world.bucket, cap));
      await world.deliver(await world.upload('uploads/a.blend', { 'max-cost': '5' }));
      expect(await world.keys()).not.toContain(cap);
    });

    test('is rejected with bad options and does not change the first render', async () => {
      const world = await uploaded();
      const before = await kept(world);
      await world.deliver(await world.upload('uploads/a.blend', { samples: '0' }));
      expect(await kept(world)).toMatchObject({ ...before, messages: 1 });
    });
  });

  describe('an upload to another key under the name of a render', () => {
    test.each<[string, Record<string, string>]>([
      ['with a cap', { 'max-cost': '0.000001' }],
      ['with tags', { tags: 'artist=eve' }],
      ['with other options', { frames: '1' }],
      ['with bad options', { samples: '0' }],
    ])('%s is rejected and does not change that render', async (_, metadata) => {
      const world = await uploaded({ name: 'Take-2', tags: 'artist=ann', 'max-cost': '5' });
      const before = await kept(world);
      await world.deliver(await world.upload('uploads/b.blend', { name: 'Take-2', ...metadata }));
      expect(await kept(world)).toMatchObject({ ...before, messages: 1 });
      const added = (await world.keys()).filter((key) => !key.startsWith('uploads/') && !(key in before));
      expect(added).toEqual([expect.stringMatching(/^renders\/b-[0-9a-f]{8}\/status\.json$/)]);
    });
  });

  test('the next delivery writes a cap that a failed delivery did not write', async () => {
    const world = new UploadWorld();
    const body = await world.upload('uploads/a.blend', { 'max-cost': '5' });
    const put = world.storage.put.bind(world.storage);
    const spy = jest.spyOn(world.storage, 'put').mockImplementation(async (url, ...rest) => {
      if (url.pathname.startsWith('/caps/')) throw new Error('cut off');
      return put(url, ...rest);
    });
    expect(await world.deliver(body)).toBe(false);
    spy.mockRestore();
    expect(world.jobNames()).toEqual([]);
    expect(await world.redeliver(body)).toBe(true);
    const cap = (await world.keys()).find((key) => key.startsWith('caps/'));
    expect(await world.json(cap!)).toMatchObject({ maxUsd: 5 });
  });
});
