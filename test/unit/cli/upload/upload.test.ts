import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { confirmUploads, describeOutside, uploadProject } from '../../../../cli/upload/upload';
import type { UploadView } from '../../../../cli/upload/upload-files';
import { startsRender } from '../../../../core/render/keys';
import type { Dependency } from '../../../../core/scene/contents/blend-contents';
import { preflight } from '../../../../core/scene/findings/preflight';
import { walkDependencies } from '../../../../core/scene/project/examine';
import { projectRootOf, segmentsOf } from '../../../../core/scene/project/paths';
import { FileStorage } from '../../../../core/storage/file-storage';
import { routeStorage } from '../../../../core/storage/open-storage';
import { filePath, fileUrl, type ObjectHead } from '../../../../core/storage/storage';
import { contents, CountingStorage, dependency, facts, readJsonContents } from '../../../support/made-scenes';
import { MemoryStorage } from '../../../support/memory-storage';
import { useScratchFolder } from '../../../support/scratch-folder';

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

  /** As a bucket with a KMS key: no ETag is an MD5. */
  class KmsStorage extends MemoryStorage {
    override async head(url: URL) {
      const head = await super.head(url);
      return head && { ...head, etag: `kms-${head.etag}` };
    }
  }

  /** A scene without files. Its file is old, because a record has no file that changed a moment ago. */
  async function submitAlone(bucket: MemoryStorage, change: Partial<ObjectHead> = {}): Promise<string[]> {
    const disk = new FileStorage();
    const scene = { ...(await disk.head(fileUrl(resolve('LICENSE'))))!, ...change };
    const storage = routeStorage({ 'file:': disk, 'memory:': bucket });
    const project = await walkDependencies(scene.url, contents([]), {
      storage,
      root: projectRootOf(scene.url),
      readContents: readJsonContents,
    });
    const said: string[] = [];
    const view: UploadView = {
      say: (text) => void said.push(text),
      meter: { show: () => undefined, stop: () => undefined },
      now: () => 0,
      cache: at('cache'),
    };
    const examination = { facts: facts(), contents: contents([]), project, scenePath: 'LICENSE' };
    await uploadProject(scene, examination, UPLOADS, storage, view);
    return said;
  }

  test('does not upload an unchanged scene again to a bucket with a KMS key', async () => {
    const bucket = new KmsStorage();
    await submitAlone(bucket);
    expect(await submitAlone(bucket)).toEqual([expect.stringMatching(/ is already uploaded$/)]);
  });

  test('throws changed if the scene changed since it was examined', async () => {
    const changed = submitAlone(new MemoryStorage(), { etag: '0'.repeat(32) });
    await expect(changed).rejects.toMatchObject({ code: 'changed', kind: 'scene' });
  });
});
