import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Dependency } from '../../../../../core/scene/contents/blend-contents';
import { preflight } from '../../../../../core/scene/findings/preflight';
import { type ProjectRoot, projectRootOf, watchRootOf } from '../../../../../core/scene/project/paths';
import { walkDependencies } from '../../../../../core/scene/project/examine';
import { FileStorage } from '../../../../../core/storage/file-storage';
import { fileUrl } from '../../../../../core/storage/storage';
import { contents, dependency, facts, readJsonContents } from '../../../../support/made-scenes';
import { useScratchFolder } from '../../../../support/scratch-folder';

const at = useScratchFolder();

function write(path: string, content = 'x'): void {
  mkdirSync(at(path, '..'), { recursive: true });
  writeFileSync(at(path), content);
}

async function walk(scene: string, needed: readonly Dependency[], root: ProjectRoot) {
  const place = { storage: new FileStorage(), root, readContents: readJsonContents };
  return walkDependencies(fileUrl(at(scene)), contents(needed), place);
}

const statesOf = async (...args: Parameters<typeof walk>) =>
  (await walk(...args)).dependencies.map(({ state }) => state);

describe('a project that is one folder', () => {
  const folder = (): ProjectRoot => ({ url: fileUrl(`${at('film')}/`), reach: 'folder' });

  test('includes files below it, but none beside it', async () => {
    write('film/textures/wood.png');
    write('secret.png');
    symlinkSync(at('secret.png'), at('film/link.png'));
    symlinkSync(at('film/textures'), at('film/tex'));
    const needed = ['//../textures/wood.png', '//../../secret.png', '//../link.png', '//../tex/wood.png'];
    const states = await statesOf(
      'film/shots/shot.blend',
      needed.map((path) => dependency(path)),
      folder(),
    );
    expect(states).toEqual(['found', 'outside', 'outside', 'found']);
  });

  test('includes nothing by an absolute path', async () => {
    write('film/wood.png');
    expect(await statesOf('film/shot.blend', [dependency(at('film/wood.png'))], folder())).toEqual([
      'absolute',
    ]);
  });
});

test.each(['pipe', 'folder'])('a %s instead of an image is reported and not opened', async (what) => {
  mkdirSync(at('film'));
  if (what === 'pipe') execFileSync('mkfifo', [at('film/wood.png')]);
  else mkdirSync(at('film/wood.png'));
  const root = projectRootOf(fileUrl(at('film/shot.blend')));
  const project = await walk('film/shot.blend', [dependency('//wood.png')], root);
  expect(project.dependencies.map(({ state }) => state)).toEqual(['no-file']);
  const examination = { facts: facts(), contents: contents(), project, scenePath: 'shot.blend' };
  const input = { file: 'shot.blend', options: {}, place: 'farm', hasDisplay: false } as const;
  expect(preflight(examination, input).findings).toEqual([
    expect.objectContaining({
      code: 'image-missing',
      message: expect.stringContaining('a folder, pipe or device, not a file'),
    }),
  ]);
});

describe('a scene in a watch folder', () => {
  const states = (key: string, ...paths: string[]) =>
    statesOf(
      key,
      paths.map((path) => dependency(path)),
      watchRootOf(fileUrl(`${at()}/`), key),
    );

  test('may use files of its project', async () => {
    write('uploads/film/tex/wood.png');
    expect(await states('uploads/film/shot.blend', '//tex/wood.png')).toEqual(['found']);
    expect(await states('uploads/film/shot.blend', at('uploads/film/tex/wood.png'))).toEqual(['absolute']);
  });

  test('may use no file of another project, with any spelling', async () => {
    write('uploads/other/plate.png');
    mkdirSync(at('uploads/film'));
    symlinkSync(at('uploads/other/plate.png'), at('uploads/film/link.png'));
    symlinkSync(at('uploads/other'), at('uploads/film/linked'));
    const absolute = at('uploads/other/plate.png');
    const paths = [
      '//../other/plate.png',
      '//link.png',
      '//linked/plate.png',
      absolute,
      `C:${absolute}`,
      absolute.replace('/', '\\\\'),
    ];
    for (const path of paths) {
      expect([path, ...(await states('uploads/film/shot.blend', path))]).toEqual([path, 'forbidden']);
    }
  });

  test('may name places without files', async () => {
    mkdirSync(at('uploads/film'), { recursive: true });
    const paths = ['//../other/none.png', '/no/such/wood.png', 'C:\\Users\\anna\\wood.png', 'wood-none.png'];
    expect(await states('uploads/film/shot.blend', ...paths)).toEqual([
      'outside',
      'absolute',
      'absolute',
      'unanchored',
    ]);
  });

  test('may use only itself if it is in no project', async () => {
    write('uploads/wood.png');
    write('uploads/film/plate.png');
    const paths = ['//wood.png', '//film/plate.png', '//none.png'];
    expect(await states('uploads/shot.blend', ...paths)).toEqual(['forbidden', 'forbidden', 'no-project']);
  });

  test('is refused for a file of another project, even with --force', async () => {
    write('uploads/other/plate.png');
    mkdirSync(at('uploads/film'));
    const root = watchRootOf(fileUrl(`${at()}/`), 'uploads/film/shot.blend');
    const library = dependency('//../other/plate.png', { kind: 'library' });
    const project = await walk('uploads/film/shot.blend', [library], root);
    const examination = { facts: facts(), contents: contents(), project, scenePath: 'shot.blend' };
    const { findings } = preflight(examination, {
      file: 'shot.blend',
      options: { force: true },
      place: 'here',
      hasDisplay: false,
    });
    expect(findings).toMatchObject([{ code: 'outside-upload', severity: 'error' }]);
  });
});
