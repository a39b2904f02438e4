import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DependencyExtent } from '../../../../core/blend/contents/blend-contents';
import { dependencyFindings } from '../../../../core/preflight/dependency-findings';
import { FileFinder } from '../../../../core/preflight/find-files';
import { projectRootOf } from '../../../../core/preflight/project-root';
import { commonStart } from '../../../../core/preflight/unicode-forms';
import { walkDependencies } from '../../../../core/preflight/walk-dependencies';
import { FileStorage } from '../../../../core/storage/file-storage';
import { filePath, fileUrl } from '../../../../core/storage/location';
import {
  contents,
  CountingStorage,
  dependency,
  examine,
  putAll,
  readJsonContents,
} from '../../../support/made-scenes';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();
const FORMS = [
  ['NFC', 'NFD'],
  ['NFD', 'NFC'],
] as const;

const CASES: Array<[string, DependencyExtent, string[]]> = [
  ['tex/café.png', 'file', ['tex/café.png']],
  ['Übung/wood.png', 'file', ['Übung/wood.png']],
  ['Übung/é/wood.png', 'file', ['Übung/é/wood.png']],
  ['tex/ö.<UDIM>.é.png', 'tiles', ['tex/ö.1001.é.png', 'tex/ö.1002.é.png']],
  ['plates/é_0001.png', 'sequence', ['plates/é_0001.png', 'plates/é_0003.png']],
  ['cachê', 'folder', ['cachê/sub/a.vdb']],
  ['tex/cafe.png', 'file', []],
  ['tex/cafè.png', 'file', []],
];

describe.each(FORMS)('a path in %s, of files in %s', (written, there) => {
  test.each(CASES)('finds %s, a %s', async (path, extent, names) => {
    const storage = new CountingStorage();
    const files = CASES.flatMap(([, , found]) => found.map((name) => `uploads/${name.normalize(there)}`));
    await putAll(storage, Object.fromEntries(files.map((file) => [file, file])));
    const finder = new FileFinder(storage, projectRootOf(new URL('memory://films/uploads/shot.blend')));
    const { files: found, isOtherForm } = await finder.find(path.normalize(written).split('/'), extent);
    expect(found.map((file) => file.path)).toEqual(names.map((name) => name.normalize(written)));
    for (const { url, path: as } of found) {
      expect(Buffer.from(await storage.get(url)).toString()).toBe(`uploads/${as.normalize(there)}`);
    }
    expect(isOtherForm).toBe(names.length > 0 ? true : undefined);
  });
});

test('of a sequence the missing pictures are named as the scene spells them', async () => {
  const storage = new CountingStorage();
  const names = ['é_0001.png', 'é_0003.png'].map((name) => `uploads/${name.normalize('NFD')}`);
  await putAll(storage, Object.fromEntries(names.map((name) => [name, name])));
  const finder = new FileFinder(storage, projectRootOf(new URL('memory://films/uploads/shot.blend')));
  const { absent } = await finder.find(['é_0001.png'.normalize('NFC')], 'sequence');
  expect(absent).toEqual(['é_0002.png'.normalize('NFC')]);
});

test('the very spelling comes before another', async () => {
  const storage = new CountingStorage();
  const [written, other] = ['é.png'.normalize('NFC'), 'é.png'.normalize('NFD')];
  await putAll(storage, { [`uploads/${written}`]: 'written', [`uploads/${other}`]: 'other' });
  const finder = new FileFinder(storage, projectRootOf(new URL('memory://films/uploads/shot.blend')));
  const { files, isOtherForm } = await finder.find([written], 'file');
  expect({ files: files.map(({ path }) => path), isOtherForm }).toEqual({ files: [written] });
});

test('what a library in a folder of another form needs travels beside it as it is written', async () => {
  const storage = new CountingStorage();
  await putAll(storage, {
    ['uploads/film/ä/tree.blend'.normalize('NFD')]: JSON.stringify(contents([dependency('//bark.png')])),
    ['uploads/film/ä/bark.png'.normalize('NFD')]: 'bark',
  });
  const library = dependency('//ä/tree.blend'.normalize('NFC'), { kind: 'library', linked: ['OBTree'] });
  const { project } = await examine('uploads/film/shot.blend', contents([library]), storage);
  expect(project.dependencies.flatMap(({ files }) => files.map(({ path }) => path))).toEqual(
    ['ä/tree.blend', 'ä/bark.png'].map((path) => path.normalize('NFC')),
  );
});

describe('on this machine', () => {
  async function findings(place: 'here' | 'farm', reach: 'rendered' | 'maybe' | 'unused') {
    const scene = fileUrl(at('shot.blend'));
    const file = at('tex', 'é.png'.normalize('NFD'));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'picture');
    const needed = dependency('//tex/é.png'.normalize('NFC'), { reach });
    const project = await walkDependencies(scene, contents([needed]), {
      storage: new FileStorage(),
      root: projectRootOf(scene),
      readContents: readJsonContents,
    });
    const [found] = project.dependencies;
    expect(filePath(found!.files[0]!.url)).toBe(file);
    return dependencyFindings(project, place).filter(({ code }) => code === 'unicode-form');
  }

  test.each([
    ['rendered', 'error'],
    ['maybe', 'warning'],
    ['unused', 'note'],
  ] as const)(
    'a file of another form that is %s is an %s where it is opened there',
    async (reach, severity) => {
      expect(await findings('here', reach)).toMatchObject([
        { severity, message: expect.stringContaining('another Unicode form') },
      ]);
    },
  );

  test('a farm gets it by the written name, so there is nothing to say', async () => {
    expect(await findings('farm', 'rendered')).toEqual([]);
  });
});

test.each([
  ['wood.png', 'wood.png'],
  ['café.png'.normalize('NFC'), 'ca'],
  ['café.png'.normalize('NFD'), 'caf'],
  ['é.png', ''],
])('all forms of %s begin with "%s"', (name, start) => {
  expect(commonStart(name)).toBe(start);
});
