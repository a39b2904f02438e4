import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Dependency } from '../../../../../core/scene/contents/blend-contents';
import { preflight } from '../../../../../core/scene/findings/preflight';
import { projectRootOf, segmentsOf } from '../../../../../core/scene/project/paths';
import { judgeUploads } from '../../../../../core/scene/project/uploads';
import { walkDependencies } from '../../../../../core/scene/project/examine';
import { FileStorage } from '../../../../../core/storage/file-storage';
import { fileUrl } from '../../../../../core/storage/storage';
import { contents, dependency, facts, readJsonContents } from '../../../../support/made-scenes';
import { useScratchFolder } from '../../../../support/scratch-folder';

const at = useScratchFolder();
const PNG = Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82', 'latin1');
const KEY = '-----BEGIN OPENSSH PRIVATE KEY-----\n';

function write(path: string, content: string | Uint8Array = PNG): void {
  mkdirSync(at(path, '..'), { recursive: true });
  writeFileSync(at(path), content);
}

/** What may be uploaded of a scene `home/film/shots/shot.blend` that needs `needed`. */
async function judge(needed: readonly Dependency[], options = {}) {
  const storage = new FileStorage();
  const url = fileUrl(at('home/film/shots/shot.blend'));
  const [root, held] = [projectRootOf(url), contents(needed)];
  const project = await walkDependencies(url, held, { storage, root, readContents: readJsonContents });
  const scenePath = segmentsOf(url, root).join('/');
  const examination = { facts: facts(), contents: held, project, scenePath };
  const judged = await judgeUploads(examination, new URL('.', url), storage);
  const checked = preflight(judged.examination, {
    file: 'shot.blend',
    options,
    place: 'farm',
    hasDisplay: false,
  });
  return {
    outside: judged.outside.map(({ path, realPath }) =>
      path === realPath ? path : `${path} -> ${realPath}`,
    ),
    files: checked.files.map(({ url: file }) => file),
    findings: checked.findings.map(({ severity, code, message }) => `${severity} ${code}: ${message}`),
  };
}

test('files in the scene folder and below need no confirmation', async () => {
  write('home/film/shots/tex/wood.png');
  const { outside, files, findings } = await judge([dependency('//tex/wood.png')]);
  expect({ outside, files, findings }).toEqual({
    outside: [],
    files: [at('home/film/shots/tex/wood.png')],
    findings: [],
  });
});

test('an asset outside the scene folder is listed as such', async () => {
  write('home/film/textures/wood.png');
  const { outside, files, findings } = await judge([dependency('//../textures/wood.png')]);
  const wood = at('home/film/textures/wood.png');
  expect({ outside, files, findings }).toEqual({ outside: [wood], files: [wood], findings: [] });
});

test.each([
  ['home/.aws/credentials', '".aws" is hidden'],
  ['home/.ssh/photo.png', '".ssh" is hidden'],
  ['home/film/.git/wood.png', '".git" is hidden'],
  ['home/film/shots/.env.png', '".env.png" is hidden'],
  ['home/film/shots/tex/.cache/wood.png', '".cache" is hidden'],
  ['home/id_rsa', 'ends like no file of its kind'],
  ['home/film/shots/server.pem', 'ends like no file of its kind'],
  ['home/film/shots/notes.txt', 'ends like no file of its kind'],
])('%s is never uploaded: %s', async (path, why) => {
  write(path);
  const needed = [dependency(`//../../../${path}`)];
  const { outside, files, findings } = await judge(needed);
  expect({ outside, files }).toEqual({ outside: [], files: [] });
  expect(findings).toEqual([
    expect.stringMatching(/^error upload-refused: image "Wood" needs .* does not upload .*pack it/),
  ]);
  expect(findings[0]).toContain(`${at(path)}: `);
  expect(findings[0]).toContain(why);
  const forced = await judge(needed, { force: true });
  expect(forced.files).toEqual([]);
  expect(forced.findings).toEqual([expect.stringMatching(/^warning upload-refused: /)]);
});

test('hidden folders above the whole project are ignored', async () => {
  const storage = new FileStorage();
  write('.local/film/textures/wood.png');
  mkdirSync(at('.local/film/shots'), { recursive: true });
  const url = fileUrl(at('.local/film/shots/shot.blend'));
  const [root, held] = [projectRootOf(url), contents([dependency('//../textures/wood.png')])];
  const project = await walkDependencies(url, held, { storage, root, readContents: readJsonContents });
  const examination = { facts: facts(), contents: held, project, scenePath: 'shot.blend' };
  const { outside } = await judgeUploads(examination, new URL('.', url), storage);
  expect(outside.map(({ path }) => path)).toEqual([at('.local/film/textures/wood.png')]);
});

test('text with the name of an image is refused', async () => {
  write('home/film/shots/wood.png', KEY);
  const { files, findings } = await judge([dependency('//wood.png')]);
  expect(files).toEqual([]);
  expect(findings).toEqual([expect.stringContaining('its content is text')]);
});

test('a link is judged by its target', async () => {
  write('home/.ssh/id_rsa', KEY);
  write('home/.ssh/photo.png');
  write('mnt/wood.png');
  write('home/film/shots/own.png');
  const links = {
    'key.png': 'home/.ssh/id_rsa',
    'photo.png': 'home/.ssh/photo.png',
    'wood.png': 'mnt/wood.png',
    'same.png': 'home/film/shots/own.png',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(at(target), at('home/film/shots', name));
  const { outside, files, findings } = await judge(Object.keys(links).map((name) => dependency(`//${name}`)));
  expect(files.toSorted()).toEqual([at('home/film/shots/same.png'), at('home/film/shots/wood.png')]);
  expect(outside).toEqual([`${at('home/film/shots/wood.png')} -> ${at('mnt/wood.png')}`]);
  expect(findings).toEqual([
    expect.stringContaining('key.png: ".ssh" is hidden where it leads'),
    expect.stringContaining('photo.png: ".ssh" is hidden where it leads'),
  ]);
});

test('the folder of a cache yields only files of the cache', async () => {
  write('home/film/cache/config/config_0001.uni');
  write('home/film/cache/notes.txt');
  write('home/film/cache/.DS_Store');
  const fluid = (path: string) => dependency(path, { kind: 'fluid-cache', extent: 'folder' });
  expect(await judge([fluid('//../cache/')])).toMatchObject({
    files: [at('home/film/cache/config/config_0001.uni')],
    findings: [],
  });
});

test('a folder of keys with the name of a cache yields nothing', async () => {
  write('home/.ssh/id_rsa', KEY);
  write('home/.ssh/known.uni');
  const fluid = dependency('//../../.ssh/', { kind: 'fluid-cache', extent: 'folder' });
  const { files, findings } = await judge([fluid]);
  expect(files).toEqual([]);
  expect(findings).toEqual([expect.stringContaining('".ssh" is hidden')]);
});

test('a file that suits one of two kinds is uploaded only for that one', async () => {
  write('home/film/shots/film.mp4', Uint8Array.of(0, 0, 0, 24));
  const { files, findings } = await judge([
    dependency('//film.mp4', { kind: 'strip' }),
    dependency('//film.mp4', { kind: 'font' }),
  ]);
  expect(files).toEqual([at('home/film/shots/film.mp4')]);
  expect(findings).toHaveLength(1);
});

test('a finding shows control characters in names as escapes', async () => {
  write('home/film/shots/\u001b[2Jevil.txt');
  const { findings } = await judge([dependency('//\u001b[2Jevil.txt')]);
  expect(findings).toHaveLength(1);
  expect(findings[0]).not.toContain('\u001b');
});
