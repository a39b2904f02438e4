import { mkdirSync, writeFileSync } from 'node:fs';
import { uploadProject } from '../../../cli/upload-project';
import type { UploadView } from '../../../cli/upload-files';
import type { Dependency } from '../../../core/blend/contents/blend-contents';
import { preflight } from '../../../core/preflight/preflight';
import { projectRootOf, segmentsOf } from '../../../core/preflight/project-root';
import { walkDependencies } from '../../../core/preflight/walk-dependencies';
import { startsRender } from '../../../core/contract/upload-key';
import { FileStorage } from '../../../core/storage/file-storage';
import { fileUrl, filePath } from '../../../core/storage/location';
import { routeStorage } from '../../../core/storage/routed-storage';
import { contents, CountingStorage, dependency, facts, readJsonContents } from '../../support/made-scenes';
import { useScratchFolder } from '../../support/scratch-folder';

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

test('files keep their places to each other, from the folder that holds all of them', async () => {
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

test('of a project that was submitted before only what changed goes', async () => {
  write(FILES);
  const first = await submit('film/shots/010/shot.blend', NEEDED);
  write({ 'film/lib/bark.png': picture('other bark') });
  const second = await submit('film/shots/010/shot.blend', NEEDED, first.bucket);
  expect(second.said).toEqual(['uploading 1 file (0.0 MiB); 3 are there already']);
  const changed = second.checked.files.filter(
    ({ url }) => !first.checked.files.some((file) => file.url === url),
  );
  expect(changed.map(({ path }) => path)).toEqual(['lib/bark.png']);
  // What a running render of the first reads is still there.
  const before = first.checked.files.find(({ path }) => path === 'lib/bark.png')!;
  expect(Buffer.from(await second.bucket.get(new URL(before.url))).toString()).toBe(picture('bark'));
});

test('files by absolute paths stay on this machine, and it is said', async () => {
  write({ 'shot.blend': 'scene', 'wood.png': picture('wood') });
  const { bucket, checked } = await submit('shot.blend', [dependency(filePath(fileUrl(at('wood.png'))))]);
  expect(checked.files).toEqual([]);
  expect(checked.findings).toMatchObject([{ code: 'absolute-path', severity: 'warning' }]);
  expect(checked.scenePath).toBe('shot.blend');
  const keys = [];
  for await (const { url } of bucket.list(UPLOADS)) keys.push(url.pathname);
  expect(keys).toEqual([expect.stringMatching(/shot\.blend$/)]);
});
