import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  childUrl,
  formatLocation,
  parseLocation,
  type Storage,
  type StorageError,
} from '../../core/storage/storage';
import { describeConditionalWrites } from './conditional-writes';
import { failure } from './storage-failure';
import { runsHeavy } from '../support/heavy';

/** A storage to be held against the laws; `root` is an empty folder in it. */
export interface StorageUnderTest {
  readonly storage: Storage;
  readonly root: URL;
  close(): Promise<void>;
}

/** Laws that a stand-in (never the storage itself) is known to break; each use says why. */
export interface KnownGaps {
  /** Can't take a key with a line break. */
  readonly lineBreaks?: boolean;
}

const ODD_KEYS = [
  'with space.png',
  'a+b.png',
  '100% %41 hash#1 what?.png',
  'Übung/映画🎬.png',
  'quote\'&<"\\>.png',
  ' edge ',
  '~!@$^*()=:;,[]{}|`.png',
];

/** The laws that every storage keeps. */
export function describeStorage(
  name: string,
  makeStorage: () => Promise<StorageUnderTest>,
  gaps: KnownGaps = {},
): void {
  describe(`${name} storage`, () => {
    let under: StorageUnderTest;
    let storage: Storage;
    let scratch: string;
    let folder: URL;
    let round = 0;

    beforeAll(async () => {
      under = await makeStorage();
      storage = under.storage;
      scratch = await mkdtemp(join(tmpdir(), 'spotreel-storage-'));
    });
    beforeEach(() => {
      round += 1;
      folder = childUrl(under.root, `law-${round}/`);
    });
    afterAll(async () => {
      await under.close();
      await rm(scratch, { recursive: true });
    });

    const at = (...segments: string[]): URL => childUrl(folder, ...segments);
    const text = async (url: URL): Promise<string> => Buffer.from(await storage.get(url)).toString();
    const keys = async (prefix: URL): Promise<string[]> => {
      const found: string[] = [];
      for await (const { url } of storage.list(prefix))
        found.push(formatLocation(url).slice(formatLocation(folder).length));
      return found;
    };
    it('returns the stored bytes, and text as UTF-8', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      await storage.put(at('bytes.bin'), bytes);
      expect(Buffer.from(await storage.get(at('bytes.bin')))).toEqual(Buffer.from(bytes));
      await storage.put(at('text'), '映画', { contentType: 'text/plain' });
      expect(Buffer.from(await storage.get(at('text')))).toEqual(Buffer.from('映画', 'utf8'));
    });

    it('keeps an empty object', async () => {
      await storage.put(at('empty'), new Uint8Array());
      expect((await storage.get(at('empty'))).length).toBe(0);
      expect((await storage.head(at('empty')))?.size).toBe(0);
      const source = await storage.open(at('empty'));
      expect((await source.read(0, 10)).length).toBe(0);
      await source.close();
      expect(await keys(folder)).toEqual(['empty']);
    });

    it.each(gaps.lineBreaks ? ODD_KEYS : [...ODD_KEYS, 'line\nbreak.png'])(
      'stores and lists the key %j separately',
      async (key) => {
        await storage.put(at('odd', key), key);
        expect(await text(at('odd', key))).toBe(key);
        expect(await text(parseLocation(formatLocation(at('odd', key)), '/'))).toBe(key);
        const listed: URL[] = [];
        for await (const { url } of storage.list(at('odd/'))) listed.push(url);
        expect(listed.map(({ href }) => href)).toEqual([at('odd', key).href]);
        await storage.delete(at('odd', key));
        expect(await storage.head(at('odd', key))).toBeUndefined();
      },
    );

    it('overwrites an object', async () => {
      await storage.put(at('twice'), 'a longer first version');
      await storage.put(at('twice'), 'second');
      expect(await text(at('twice'))).toBe('second');
      expect(await keys(folder)).toEqual(['twice']);
    });

    describeConditionalWrites(() => ({ storage, at }));

    it('lists keys with a prefix in order', async () => {
      const all = ['a.png', 'frames-old/1.png', 'frames/1', 'frames/1.png', 'frames/10.png', 'frames/2.png'];
      const more = ['frames/2/deep/x', 'framesX/1.png', 'z/\u{1F3AC}', 'z/\uFFFD'];
      const sorted = [...all, ...more].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const key of sorted.toReversed()) await storage.put(at(key), key);
      expect(await keys(folder)).toEqual(sorted);
      expect(await keys(at('frames/'))).toEqual(sorted.filter((key) => key.startsWith('frames/')));
      expect(await keys(at('frames'))).toEqual(sorted.filter((key) => key.startsWith('frames')));
      expect(await keys(at('frames/1'))).toEqual(['frames/1', 'frames/1.png', 'frames/10.png']);
      expect(await keys(at('frames/10.png'))).toEqual(['frames/10.png']);
      expect(await keys(at('nothing/here/'))).toEqual([]);
    });

    it('lists the direct entries of a folder', async () => {
      for (const key of ['a.png', 'sub/b.png', 'sub/deep/c.png', 'sub-2/d.png', 'e +%.png'])
        await storage.put(at(key), key);
      const listed: Record<string, string> = {};
      for await (const { name: found, object } of storage.listFolder(folder)) {
        listed[found] = object ? await text(object.url) : 'folder';
      }
      expect(listed).toEqual({ 'a.png': 'a.png', 'e +%.png': 'e +%.png', sub: 'folder', 'sub-2': 'folder' });
      for await (const entry of storage.listFolder(at('nothing/'))) expect(entry).toBeUndefined();
    });

    it('lists the entries of a folder whose names start with a text', async () => {
      for (const key of ['sub/b.png', 'sub-2/c.png', 'sub.png', 'a/sub/d.png'])
        await storage.put(at('names', key), key);
      const names: string[] = [];
      for await (const { name: found } of storage.listFolder(at('names/'), 'sub-')) names.push(found);
      expect(names).toEqual(['sub-2']);
      names.length = 0;
      for await (const { name: found } of storage.listFolder(at('names/'), 'sub')) names.push(found);
      expect(names.toSorted()).toEqual(['sub', 'sub-2', 'sub.png']);
    });

    it('reports size and time in listings and by head', async () => {
      const before = Date.now();
      await storage.put(at('frame.png'), '12345');
      const infos = [await storage.head(at('frame.png'))];
      for await (const info of storage.list(folder)) infos.push({ ...info, etag: info.etag ?? '' });
      expect(infos).toHaveLength(2);
      for (const info of infos) {
        expect(info).toMatchObject({ url: { href: at('frame.png').href }, size: 5 });
        expect(['', infos[0]?.etag]).toContain(info?.etag);
        // S3 keeps whole seconds.
        expect(Math.abs((info?.lastModified.getTime() ?? 0) - before)).toBeLessThan(10_000);
      }
    });

    if (runsHeavy('laws'))
      it('lists more keys than one S3 response', async () => {
        const count = 1001;
        const names = Array.from({ length: count }, (_, index) => `${String(index).padStart(4, '0')}.png`);
        for (let start = 0; start < count; start += 25) {
          await Promise.all(names.slice(start, start + 25).map((frame) => storage.put(at(frame), frame)));
        }
        expect(await keys(folder)).toEqual(names);
      });

    it('changes the ETag only if the bytes change', async () => {
      const url = at('scene.blend');
      const etagOf = async (body: string): Promise<string | undefined> => {
        await storage.put(url, body);
        return (await storage.head(url))?.etag;
      };
      const first = await etagOf('one');
      expect(first).toBe(createHash('md5').update('one').digest('hex'));
      expect(await etagOf('two')).not.toBe(first);
      expect(await etagOf('one')).toBe(first);
    });

    it('reads ranges, shorter at the end', async () => {
      await storage.put(at('ranges'), '0123456789');
      const source = await storage.open(at('ranges'));
      const range = async (offset: number, length: number): Promise<string> =>
        Buffer.from(await source.read(offset, length)).toString();
      expect(source.size).toBe(10);
      expect(source.url.href).toBe(at('ranges').href);
      expect(await range(0, 4)).toBe('0123');
      expect(await range(3, 1)).toBe('3');
      expect(await range(8, 100)).toBe('89');
      expect(await range(10, 5)).toBe('');
      expect(await range(1000, 5)).toBe('');
      expect(await range(5, 0)).toBe('');
      await source.close();
    });

    it('never mixes two versions in an open source', async () => {
      await storage.put(at('pinned'), 'old old old');
      const source = await storage.open(at('pinned'));
      await storage.put(at('pinned'), 'new new new');
      const read = await source.read(0, 11).then(
        (bytes) => Buffer.from(bytes).toString(),
        (error: StorageError) => error.code,
      );
      expect(['old old old', 'changed']).toContain(read);
      await source.close();
    });

    it('reports the same ETag by head and for an open source', async () => {
      await storage.put(at('scene.blend'), 'one');
      const source = await storage.open(at('scene.blend'));
      expect([undefined, (await storage.head(at('scene.blend')))?.etag]).toContain(source.etag);
      await source.close();
    });

    it('keeps all metadata or none', async () => {
      await storage.put(at('noted'), 'x', { metadata: { frames: '1-10', 'frames-per-slice': '5' } });
      await storage.put(at('claimed'), 'x', { metadata: { frames: '2' }, ifAbsent: true });
      const metadata = (await storage.head(at('noted')))?.metadata;
      if (metadata) expect(metadata).toEqual({ frames: '1-10', 'frames-per-slice': '5' });
      const claimed = (await storage.head(at('claimed')))?.metadata;
      expect(claimed?.frames).toBe(metadata && '2');
    });

    it('deletes an object, even if it is missing', async () => {
      await storage.put(at('gone'), 'x');
      await storage.delete(at('gone'));
      await storage.delete(at('gone'));
      await storage.delete(at('never', 'was'));
      expect(await storage.head(at('gone'))).toBeUndefined();
      expect(await keys(folder)).toEqual([]);
    });

    it.each([0, 1000, 20 * 1024 * 1024])('uploads and fetches a file of %d bytes', async (size) => {
      const bytes = randomBytes(size);
      const path = join(scratch, 'to upload.bin');
      await writeFile(path, bytes);
      const progress: number[] = [];
      const onProgress = (sent: number) => void progress.push(sent);
      await storage.upload(path, at('big file.bin'), { contentType: 'application/octet-stream', onProgress });
      expect(progress.at(-1)).toBe(size);
      expect(progress).toEqual(progress.toSorted((a, b) => a - b));
      const head = await storage.head(at('big file.bin'));
      expect(head?.size).toBe(size);
      const fetched = await storage.fetch(at('big file.bin'), join(scratch, 'fetched'), head?.etag);
      expect(fetched.endsWith('/big file.bin')).toBe(true);
      expect(bytes.equals(await readFile(fetched))).toBe(true);
      expect(
        bytes.equals(await readFile(await storage.fetch(at('big file.bin'), join(scratch, 'again')))),
      ).toBe(true);
      const error = await failure(storage.upload(path, at('big file.bin'), { ifAbsent: true }));
      expect(error.code).toBe('exists');
      await storage.upload(path, at('absent.bin'), { ifAbsent: true });
      expect((await storage.head(at('absent.bin')))?.size).toBe(size);
    });

    it('fetches only the requested version', async () => {
      await storage.put(at('scene.blend'), 'version 1');
      const etag = (await storage.head(at('scene.blend')))?.etag;
      await storage.put(at('scene.blend'), 'version 2');
      const error = await failure(storage.fetch(at('scene.blend'), join(scratch, 'versions'), etag));
      expect(error).toMatchObject({ code: 'changed', url: { href: at('scene.blend').href } });
      expect(error.message).toContain('was changed since the render was submitted');
    });

    it('reports not-found with the URL', async () => {
      const url = at('no such', 'object');
      expect(await storage.head(url)).toBeUndefined();
      const copies = [storage.fetch(url, scratch), storage.fetch(url, scratch, 'etag')];
      for (const error of await Promise.all([storage.get(url), storage.open(url), ...copies].map(failure))) {
        expect(error).toMatchObject({ code: 'not-found', url: { href: url.href } });
        expect(error.message).toContain(formatLocation(url));
      }
    });

    it('names a missing local file', async () => {
      for (const path of [join(scratch, 'missing.blend'), scratch]) {
        const error = await failure(storage.upload(path, at('x')));
        expect(error.code).toBe('not-found');
        expect(error.message).toContain(path);
      }
      expect(await storage.head(at('x'))).toBeUndefined();
    });

    it('refuses a folder in place of an object', async () => {
      const attempts = [
        storage.head(folder),
        storage.get(folder),
        storage.put(folder, ''),
        storage.open(folder),
      ];
      const more = [
        storage.delete(folder),
        storage.upload(__filename, folder),
        storage.fetch(folder, scratch),
      ];
      for (const error of await Promise.all([...attempts, ...more].map(failure))) {
        expect(error).toMatchObject({ code: 'bad-url', url: { href: folder.href } });
      }
    });

    it('has no object at the path of a folder', async () => {
      await storage.put(at('folder', 'file'), 'x');
      expect(await storage.head(at('folder'))).toBeUndefined();
      expect((await failure(storage.get(at('folder')))).code).toBe('not-found');
      const below = at('folder', 'file', 'below');
      expect(await storage.head(below)).toBeUndefined();
      expect((await failure(storage.get(below))).code).toBe('not-found');
      expect(await keys(at('folder', 'file', 'below/'))).toEqual([]);
      await storage.delete(below);
    });
  });
}
