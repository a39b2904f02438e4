import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Reading } from '../../../cli/output';
import {
  confirmUploads,
  describeOutside,
  uploadFiles,
  uploadProject,
  uploadReading,
  type UploadView,
} from '../../../cli/upload';
import { startsRender } from '../../../core/render/keys';
import type { Dependency } from '../../../core/scene/contents/blend-contents';
import { preflight } from '../../../core/scene/preflight';
import { walkDependencies } from '../../../core/scene/project/examine';
import { projectRootOf, segmentsOf } from '../../../core/scene/project/paths';
import { FileStorage } from '../../../core/storage/file-storage';
import { routeStorage } from '../../../core/storage/open-storage';
import { filePath, fileUrl, type ObjectHead, type UploadOptions } from '../../../core/storage/storage';
import { contents, CountingStorage, dependency, facts, readJsonContents } from '../../support/made-scenes';
import { MemoryStorage } from '../../support/memory-storage';
import { useScratchFolder } from '../../support/scratch-folder';

describe('confirmUploads', () => {
  const MIB = 1024 * 1024;
  const file = (path: string, size = MIB, realPath = path) => ({ path, realPath, size });
  const files = (folder: string, count: number) =>
    Array.from({ length: count }, (_, index) => file(`${folder}/${index}.png`));

  test('lists files outside of the scene folder with their sizes', () => {
    expect(describeOutside([file('/film/wood.png'), file('/film/oak.png', MIB / 2)])).toEqual([
      '  /film/wood.png (1.0 MiB)',
      '  /film/oak.png (0.5 MiB)',
    ]);
  });

  test('lists many files of one folder in one line', () => {
    expect(describeOutside([...files('/film/plates', 240), file('/film/wood.png')])).toEqual([
      '  /film/plates/: 240 files (240.0 MiB)',
      '  /film/wood.png (1.0 MiB)',
    ]);
  });

  test('shortens a long list', () => {
    const lines = describeOutside(
      Array.from({ length: 1000 }, (_, index) => file(`/film/${index}/wood.png`)),
    );
    expect(lines).toHaveLength(41);
    expect(lines.at(-1)).toBe('  and 960 files (960.0 MiB) more');
  });

  test('lists a link with its target', () => {
    expect(describeOutside([file('/film/wood.png', MIB, '/mnt/oak.png')])).toEqual([
      '  /film/wood.png, a link to /mnt/oak.png (1.0 MiB)',
    ]);
  });

  test('lists hostile names in printable characters', () => {
    const [line] = describeOutside([file('/film/\u001b[2J\r\n\u202egnp.exe', MIB, '/mnt/\u0007\n.png')]);
    // oxlint-disable-next-line no-control-regex -- control characters are what it is about
    expect(line).not.toMatch(/[\u0000-\u001f\u202e]/);
  });

  test('asks nothing if no file is outside', async () => {
    const said: string[] = [];
    expect(await confirmUploads([], false, (text) => said.push(text))).toBe(true);
    expect(said).toEqual([]);
  });

  test('shows the list with --yes, too', async () => {
    const said: string[] = [];
    expect(await confirmUploads([file('/film/wood.png')], true, (text) => said.push(text))).toBe(true);
    expect(said).toEqual([
      'the scene needs 1 file (1.0 MiB) outside its own folder:',
      '  /film/wood.png (1.0 MiB)',
    ]);
  });

  test('refuses a list that is too long to show', async () => {
    const many = Array.from({ length: 41 }, (_, index) => file(`/film/${index}/wood.png`));
    const said: string[] = [];
    const asked = confirmUploads(many, false, (text) => said.push(text));
    await expect(asked).rejects.toMatchObject({
      code: 'bad-usage',
      message: expect.stringContaining('too many files'),
    });
    expect(said.at(-1)).toBe('  and 1 file (1.0 MiB) more');
  });
});

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
    expect(uploadReading(0, 10, 0).note).toBe('');
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
    expect(new Set(shown.map(({ total }) => total))).toEqual(new Set([7000]));
    expect((await uploadFiles(files, UPLOADS, storage, view)).length).toBe(4);
    expect(said.at(-1)).toBe('all 4 files are already uploaded');
  });
});

describe('uploadProject', () => {
  const at = useScratchFolder();
  const UPLOADS = new URL('memory://films/uploads/');

  function write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(at(path, '..'), { recursive: true });
      writeFileSync(at(path), text);
    }
  }

  async function submit(scene: string, needed: readonly Dependency[], bucket = new CountingStorage()) {
    const disk = new FileStorage();
    const storage = routeStorage({ 'file:': disk, 'memory:': bucket });
    const head = (await disk.head(fileUrl(at(scene))))!;
    const root = projectRootOf(head.url);
    const held = contents(needed);
    const project = await walkDependencies(head.url, held, { storage, root, readContents: readJsonContents });
    const scenePath = segmentsOf(head.url, root).join('/');
    const said: string[] = [];
    const view: UploadView = {
      say: (text) => void said.push(text),
      meter: { show: () => undefined, stop: () => undefined },
      now: () => 0,
    };
    const uploaded = await uploadProject(
      head,
      { facts: facts(), contents: held, project, scenePath },
      UPLOADS,
      storage,
      view,
    );
    const file = 'shot.blend';
    const checked = preflight(uploaded.examination, { file, options: {}, place: 'farm', hasDisplay: false });
    return { bucket, uploaded, checked, said };
  }

  const library = (path: string) => dependency(path, { kind: 'library', usedBy: [], linked: ['OBTree'] });

  /** A text that begins as a picture does. */
  const picture = (what: string): string => `#?RADIANCE\n${what}`;

  const FILES: Readonly<Record<string, string>> = {
    'film/shots/010/shot.blend': 'scene',
    'film/shots/010/tex/wood.png': picture('wood'),
    'film/lib/tree.blend': JSON.stringify(contents([dependency('//bark.png')])),
    'film/lib/bark.png': picture('bark'),
  };
  const NEEDED = [dependency('//tex/wood.png'), library('//../../lib/tree.blend')];

  test('keeps the paths of files relative to their common folder', async () => {
    write(FILES);
    const { bucket, uploaded, checked } = await submit('film/shots/010/shot.blend', NEEDED);
    expect(checked).toMatchObject({ findings: [], scenePath: 'shots/010/shot.blend' });
    expect(checked.files.map(({ path }) => path)).toEqual([
      'lib/bark.png',
      'lib/tree.blend',
      'shots/010/tex/wood.png',
    ]);
    for (const { path, url, etag } of checked.files) {
      expect(await bucket.head(new URL(url))).toMatchObject({ etag });
      expect(Buffer.from(await bucket.get(new URL(url))).toString()).toBe(FILES[`film/${path}`]);
    }
    for await (const { url } of bucket.list(UPLOADS)) expect(startsRender(url.pathname.slice(1))).toBe(false);
    expect(uploaded.source.url.protocol).toBe('memory:');
  });

  test('uploads only the changed files of a project that was submitted before', async () => {
    write(FILES);
    const first = await submit('film/shots/010/shot.blend', NEEDED);
    write({ 'film/lib/bark.png': picture('other bark') });
    const second = await submit('film/shots/010/shot.blend', NEEDED, first.bucket);
    expect(second.said).toEqual(['uploading 1 file (0.0 MiB); 3 are already uploaded']);
    const changed = second.checked.files.filter(
      ({ url }) => !first.checked.files.some((file) => file.url === url),
    );
    expect(changed.map(({ path }) => path)).toEqual(['lib/bark.png']);
    // The files of the first render still exist.
    const before = first.checked.files.find(({ path }) => path === 'lib/bark.png')!;
    expect(Buffer.from(await second.bucket.get(new URL(before.url))).toString()).toBe(picture('bark'));
  });

  test('leaves out files with absolute paths, with a warning', async () => {
    write({ 'shot.blend': 'scene', 'wood.png': picture('wood') });
    const { bucket, checked } = await submit('shot.blend', [dependency(filePath(fileUrl(at('wood.png'))))]);
    expect(checked.files).toEqual([]);
    expect(checked.findings).toMatchObject([{ code: 'absolute-path', severity: 'warning' }]);
    expect(checked.scenePath).toBe('shot.blend');
    const keys = [];
    for await (const { url } of bucket.list(UPLOADS)) keys.push(url.pathname);
    expect(keys).toEqual([expect.stringMatching(/shot\.blend$/)]);
  });
});
