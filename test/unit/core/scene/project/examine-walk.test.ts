import fc from 'fast-check';
import { BlendFormatError } from '../../../../../core/scene/blend/header';
import type { Dependency } from '../../../../../core/scene/contents/blend-contents';
import { type ReadContents, WalkBudget } from '../../../../../core/scene/project/dependencies';
import { projectRootOf } from '../../../../../core/scene/project/paths';
import { DEEPEST_LIBRARY, MOST_LIBRARIES, walkDependencies } from '../../../../../core/scene/project/examine';
import {
  contents,
  CountingStorage,
  dependency,
  examine,
  putAll,
  readJsonContents,
} from '../../../../support/made-scenes';

const UPLOADS = 'memory://films/uploads/';
const library = (path: string) => dependency(path, { kind: 'library', usedBy: [], linked: ['OBTree'] });
const json = (...needed: Dependency[]) => JSON.stringify(contents(needed));

test('files of a library are looked up beside the library, at any depth', async () => {
  const storage = new CountingStorage();
  await putAll(storage, {
    'uploads/film/lib/tree.blend': json(dependency('//tex/bark.png'), library('//leaf/leaf.blend')),
    'uploads/film/lib/tex/bark.png': 'bark',
    'uploads/film/lib/leaf/leaf.blend': json(dependency('//..\\..\\shared\\leaf.png')),
    'uploads/film/shared/leaf.png': 'leaf',
  });
  const { project } = await examine(
    'uploads/film/shot.blend',
    contents([library('//lib\\tree.blend')]),
    storage,
  );
  expect(project.dependencies.map(({ state, location, library: by }) => ({ state, location, by }))).toEqual([
    { state: 'found', location: `${UPLOADS}film/lib/tree.blend`, by: undefined },
    { state: 'found', location: `${UPLOADS}film/lib/tex/bark.png`, by: `${UPLOADS}film/lib/tree.blend` },
    { state: 'found', location: `${UPLOADS}film/lib/leaf/leaf.blend`, by: `${UPLOADS}film/lib/tree.blend` },
    { state: 'found', location: `${UPLOADS}film/shared/leaf.png`, by: `${UPLOADS}film/lib/leaf/leaf.blend` },
  ]);
  expect(project.isCut).toBe(false);
});

test('libraries that link each other and the scene are read once each', async () => {
  const storage = new CountingStorage();
  await putAll(storage, {
    'uploads/film/shot.blend': 'the scene',
    'uploads/film/a.blend': json(library('//b.blend'), library('//shot.blend'), library('//a.blend')),
    'uploads/film/b.blend': json(library('//a.blend'), library('//./b.blend')),
  });
  const held = contents([library('//a.blend'), library('//b.blend')]);
  const { project } = await examine('uploads/film/shot.blend', held, storage);
  expect(project.libraries.map(({ location }) => location)).toEqual([
    `${UPLOADS}film/a.blend`,
    `${UPLOADS}film/b.blend`,
  ]);
  expect(storage.counts.open).toBe(2);
  expect(project.isCut).toBe(false);
});

test('endless libraries are followed to a limited depth, which is reported', async () => {
  const storage = new CountingStorage();
  const chain = Array.from({ length: 40 }, (_, n) => [
    `uploads/film/${n}.blend`,
    json(library(`//${n + 1}.blend`)),
  ]);
  await putAll(storage, Object.fromEntries(chain));
  const { project } = await examine('uploads/film/shot.blend', contents([library('//0.blend')]), storage);
  expect(project.libraries).toHaveLength(DEEPEST_LIBRARY);
  expect(project.isCut).toBe(true);
});

test('a walk out of time reads no more libraries and looks up no more files', async () => {
  const storage = new CountingStorage();
  const chain = [0, 1, 2, 3].map((n) => [`uploads/film/${n}.blend`, json(library(`//${n + 1}.blend`))]);
  await putAll(storage, Object.fromEntries(chain));
  let seconds = 0;
  const budget = new WalkBudget(10, () => seconds * 1000);
  const readContents: ReadContents = async (source) => {
    seconds += 6;
    return readJsonContents(source);
  };
  const scene = new URL(`${UPLOADS}film/shot.blend`);
  const place = { storage, root: projectRootOf(scene), readContents, budget };
  const found = await walkDependencies(scene, contents([library('//0.blend')]), place);
  expect(found.libraries.map(({ location }) => location)).toEqual([
    `${UPLOADS}film/0.blend`,
    `${UPLOADS}film/1.blend`,
  ]);
  expect(found.dependencies).toHaveLength(2);
  expect(found.isCut).toBe(true);
});

test('a walk reads no more libraries once their contents exceed the memory', async () => {
  const storage = new CountingStorage();
  const texts = Array.from({ length: 150_000 }, (_, n) => String(n));
  const scripts = { ...contents().scripts, texts };
  const chain = [0, 1, 2, 3].map((n) => {
    const held = contents([library(`//${n + 1}.blend`)], { scripts });
    return [`uploads/film/${n}.blend`, JSON.stringify(held)];
  });
  await putAll(storage, Object.fromEntries(chain));
  const { project } = await examine('uploads/film/shot.blend', contents([library('//0.blend')]), storage);
  expect(project.libraries).toHaveLength(2);
  expect(project.isCut).toBe(true);
});

test('too many libraries are not read, which is reported', async () => {
  const storage = new CountingStorage();
  const many = Array.from({ length: MOST_LIBRARIES + 1 }, (_, n) => `${n}.blend`);
  await putAll(storage, Object.fromEntries(many.map((name) => [`uploads/film/${name}`, json()])));
  const held = contents(many.map((name) => library(`//${name}`)));
  const { project } = await examine('uploads/film/shot.blend', held, storage);
  expect(storage.counts.open).toBe(MOST_LIBRARIES);
  expect(project.isCut).toBe(true);
});

test('an invalid library gets its own fault and does not end the walk', async () => {
  const storage = new CountingStorage();
  await putAll(storage, { 'uploads/film/a.blend': 'x', 'uploads/film/b.blend': json() });
  const url = new URL('memory://films/uploads/film/shot.blend');
  const project = await walkDependencies(url, contents([library('//a.blend'), library('//b.blend')]), {
    storage,
    root: projectRootOf(url),
    readContents: async (source) => {
      if (source.size === 1) throw new BlendFormatError('not-blend', 0, 'no .blend');
      return readJsonContents(source);
    },
  });
  expect(project.libraries).toMatchObject([
    { location: `${UPLOADS}film/a.blend`, fault: { code: 'not-blend' } },
    { location: `${UPLOADS}film/b.blend` },
  ]);
});

test('a walk requests nothing outside the project, for any path', async () => {
  const dots = fc.array(fc.constantFrom('..', '.', 'a', 'etc', '..\\..', 'C:'), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('//', '/', '\\\\', '', 'D:\\'), dots, async (start, parts) => {
      const asked: string[] = [];
      class Watched extends CountingStorage {
        override async *listFolder(folder: URL) {
          asked.push(folder.href);
          yield* super.listFolder(folder);
        }
      }
      await examine(
        'uploads/film/shot.blend',
        contents([dependency(start + parts.join('/'))]),
        new Watched(),
      );
      for (const href of asked) expect(href.startsWith('memory://films/uploads/film/')).toBe(true);
    }),
  );
});
