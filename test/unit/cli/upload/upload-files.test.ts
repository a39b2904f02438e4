import { statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Reading } from '../../../../cli/output';
import { uploadFiles, uploadReading } from '../../../../cli/upload/upload-files';
import { UploadRecord } from '../../../../cli/upload/upload-record';
import { startsRender } from '../../../../core/render/keys';
import { fileUrl, type ObjectHead, type UploadOptions } from '../../../../core/storage/storage';
import { MemoryStorage } from '../../../support/memory-storage';
import { useScratchFolder } from '../../../support/scratch-folder';

describe('uploadFiles', () => {
  const at = useScratchFolder();
  const UPLOADS = new URL('memory://films/uploads/');

  function scene(text: string, etag: string, name = 'my shot.blend'): ObjectHead {
    const path = at(name);
    writeFileSync(path, text);
    return { url: fileUrl(path), size: statSync(path).size, lastModified: new Date(0), etag };
  }

  /** What was said and shown meanwhile. */
  function watched() {
    const [said, shown]: [string[], Reading[]] = [[], []];
    let seconds = 0;
    const meter = {
      show: (reading: Reading) => void shown.push(reading),
      stop: () => void said.push('stop'),
    };
    const view = { say: (text: string) => void said.push(text), meter, now: () => (seconds += 1) * 1000 };
    return { said, shown, view };
  }

  test('uploads a scene once, to a key that starts no render', async () => {
    const storage = new MemoryStorage();
    const first = watched();
    const [there] = await uploadFiles([scene('one', '0123456789abcdef0123')], UPLOADS, storage, first.view);
    expect(there!.url.href).toBe('memory://films/uploads/submitted/0123456789abcdef/my%20shot.blend');
    expect(startsRender(decodeURIComponent(there!.url.pathname.slice(1)))).toBe(false);
    expect(Buffer.from(await storage.get(there!.url)).toString()).toBe('one');
    expect(first.said[0]).toMatch(/^uploading .*my shot\.blend \(0\.0 MiB\) to memory:/);

    const again = watched();
    await uploadFiles([scene('one', '0123456789abcdef0123')], UPLOADS, storage, again.view);
    expect(again.said).toEqual([expect.stringMatching(/is already uploaded$/)]);

    const [changed] = await uploadFiles(
      [scene('two!', 'fedcba9876543210')],
      UPLOADS,
      storage,
      watched().view,
    );
    expect(changed!.url.href).not.toBe(there!.url.href);
    expect(basename(changed!.url.pathname)).toBe(basename(there!.url.pathname));
  });

  test('replaces other bytes of the same size', async () => {
    const storage = new MemoryStorage();
    const wood = scene('wood', '0'.repeat(32), 'wood.png');
    const target = new URL(`submitted/${'0'.repeat(16)}/wood.png`, UPLOADS);
    await storage.put(target, 'evil');
    const { said, view } = watched();
    const [object] = await uploadFiles([wood], UPLOADS, storage, view);
    expect(said[0]).toMatch(/^uploading /);
    expect(Buffer.from(await storage.get(target)).toString()).toBe('wood');
    expect(object!.etag).toBe((await storage.head(target))!.etag);
  });

  /** What an upload says `seconds` after it saw the file in the bucket, which has lost it since. */
  async function saidAfter(seconds: number): Promise<string> {
    const file = scene('one', 'a'.repeat(32));
    const target = new URL(`submitted/${'a'.repeat(16)}/my%20shot.blend`, UPLOADS);
    const { said, view } = watched();
    const early = Promise.resolve(new Map([[target.href, { ...file, url: target }]]));
    const begun = { record: UploadRecord.open(undefined, ''), at: 0, early };
    await uploadFiles([file], UPLOADS, new MemoryStorage(), { ...view, now: () => seconds * 1000 }, begun);
    return said[0]!;
  }

  test('uses what an early look at the bucket saw within a minute', async () => {
    expect(await saidAfter(60)).toMatch(/ is already uploaded$/);
  });

  test('looks at the bucket again a minute after the early look', async () => {
    expect(await saidAfter(61)).toMatch(/^uploading /);
  });

  /** Reports its progress, and may lose the file. */
  class SlowStorage extends MemoryStorage {
    constructor(private readonly loses: boolean) {
      super();
    }

    override async upload(path: string, url: URL, options: UploadOptions = {}): Promise<void> {
      const { size } = statSync(path);
      for (const part of [0.25, 0.5, 1]) options.onProgress?.(size * part);
      if (!this.loses) await super.upload(path, url, {});
    }
  }

  test('shows progress and the time left', async () => {
    const { said, shown, view } = watched();
    const bytes = 'x'.repeat(4 * 1024 * 1024);
    await uploadFiles([scene(bytes, 'a'.repeat(32))], UPLOADS, new SlowStorage(false), view);
    expect(shown.map(({ count }) => count)).toEqual(['1.0 MiB of 4.0 MiB', '2.0 MiB of 4.0 MiB']);
    expect(shown[0]!.note).toBe('about 3 s left');
    expect(said.at(-1)).toBe('stop');
    expect(uploadReading({ files: 0, bytes: 0 }, { files: 1, bytes: 10 }, 0).note).toBe('');
  });

  test('throws upload-lost if the uploaded file is missing afterwards', async () => {
    const lost = uploadFiles([scene('one', 'a'.repeat(32))], UPLOADS, new SlowStorage(true), watched().view);
    await expect(lost).rejects.toMatchObject({ code: 'upload-lost', kind: 'passing' });
  });

  test('uploads each missing file once, with one progress for all', async () => {
    const storage = new SlowStorage(false);
    const files = [
      scene('old'.repeat(1000), '1'.repeat(32), 'old.png'),
      scene('new'.repeat(1000), '2'.repeat(32), 'new.png'),
      scene('new'.repeat(1000), '2'.repeat(32), 'new.png'),
      scene('more'.repeat(1000), '3'.repeat(32), 'more.png'),
    ];
    await uploadFiles(files.slice(0, 1), UPLOADS, storage, watched().view);
    const { said, shown, view } = watched();
    const objects = await uploadFiles(files, UPLOADS, storage, view);
    expect(objects.map(({ url }) => url.pathname.split('/').slice(-2).join('/'))).toEqual([
      `${'1'.repeat(16)}/old.png`,
      `${'2'.repeat(16)}/new.png`,
      `${'2'.repeat(16)}/new.png`,
      `${'3'.repeat(16)}/more.png`,
    ]);
    expect(said[0]).toBe('uploading 2 files (0.0 MiB); 2 are already uploaded');
    expect(new Set(shown.map(({ total }) => total)).size).toBe(1);
    expect(shown.at(-1)!.count).toBe('1 of 2 files, 0.0 MiB of 0.0 MiB');
    expect((await uploadFiles(files, UPLOADS, storage, view)).length).toBe(4);
    expect(said.at(-1)).toBe('all 4 files are already uploaded');
  });
});
