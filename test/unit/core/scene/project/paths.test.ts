import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { join, normalize } from 'node:path/posix';
import fc from 'fast-check';
import { isProjectPath } from '../../../../../core/render/manifest';
import type { DependencyExtent } from '../../../../../core/scene/contents/blend-contents';
import { dependencyFindings } from '../../../../../core/scene/findings/dependencies';
import { FileFinder } from '../../../../../core/scene/project/find-files';
import {
  commonStart,
  mayNeed,
  namePattern,
  type ProjectRoot,
  projectRootOf,
  resolvePath,
  watchRootOf,
} from '../../../../../core/scene/project/paths';
import { walkDependencies } from '../../../../../core/scene/project/examine';
import { FileStorage } from '../../../../../core/storage/file-storage';
import { filePath, fileUrl } from '../../../../../core/storage/storage';
import {
  contents,
  CountingStorage,
  dependency,
  examine,
  putAll,
  readJsonContents,
} from '../../../../support/made-scenes';
import { useScratchFolder } from '../../../../support/scratch-folder';

describe('name pattern', () => {
  test.each<[string, DependencyExtent, string[], string[]]>([
    ['wood.png', 'file', ['wood.png'], ['wood.PNG', 'woodxpng', 'wood.png.bak', 'awood.png']],
    ['a+(b)[1]^$.png', 'file', ['a+(b)[1]^$.png'], ['aab1.png']],
    [
      'w.<UDIM>.exr',
      'tiles',
      ['w.1001.exr', 'w.1012.exr', 'w.2000.exr'],
      ['w.101.exr', 'w.3001.exr', 'w.<UDIM>.exr'],
    ],
    ['w_<UVTILE>.tif', 'tiles', ['w_u1_v1.tif', 'w_u12_v3.tif'], ['w_1001.tif']],
    // Blender recognises tiles by the token, whatever the file says.
    ['w.<UDIM>.exr', 'file', ['w.1001.exr'], ['w.exr']],
    [
      'f_0001.png',
      'sequence',
      ['f_0001.png', 'f_0250.png', 'f_12.png'],
      ['f_.png', 'g_0001.png', 'f_0001.jpg'],
    ],
    ['shot2_0010_v3.png', 'sequence', ['shot2_0010_v3.png', 'shot2_0010_v4.png'], ['shot2_0011_v3.png']],
    ['clip0001.mp4', 'sequence', ['clip0001.mp4', 'clip0002.mp4'], ['clip0001.mp3']],
    ['no-number.png', 'sequence', ['no-number.png'], ['no-number1.png']],
    ['0001', 'sequence', ['0001', '2'], ['x0001']],
  ])('%s as %s', (name, extent, there, notThere) => {
    const { matches, start } = namePattern(name, extent);
    expect([...there, ...notThere].filter(matches)).toEqual(there);
    for (const one of there) expect(one.startsWith(start)).toBe(true);
  });

  test('a pattern recognizes other spellings and nothing else', () => {
    const { matches, resembles } = namePattern('Wood.<UDIM>.PNG', 'tiles');
    expect([matches('wood.1001.png'), resembles('wood.1001.png'), resembles('wood.png')]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test.each<[string, DependencyExtent, string[], number[] | undefined, string[]]>([
    ['f_0001.png', 'sequence', ['f_0001.png', 'f_0002.png'], undefined, []],
    ['f_0001.png', 'sequence', ['f_0002.png', 'f_0004.png'], undefined, ['f_0001.png', 'f_0003.png']],
    ['f_0099.png', 'sequence', ['f_0001.png', 'f_0003.png'], undefined, ['f_0099.png', 'f_0002.png']],
    ['f_0099.png', 'sequence', ['f_0001.png', 'f_0002.png'], [1, 2], []],
    ['f_0001.png', 'sequence', ['f_0001.png', 'f_0005.png'], [1, 2], ['f_0002.png']],
    ['f_8.png', 'sequence', ['f_8.png', 'f_11.png'], undefined, ['f_9.png', 'f_10.png']],
    ['w.<UDIM>.png', 'tiles', ['w.1001.png', 'w.1011.png'], undefined, []],
    ['w.<UDIM>.png', 'tiles', ['w.1001.png'], [1001, 1002, 1011], ['w.1002.png', 'w.1011.png']],
    ['w.<UVTILE>.png', 'tiles', ['w.u1_v1.png'], [1001, 1010, 1011], ['w.u10_v1.png', 'w.u1_v2.png']],
    ['f_1.png', 'sequence', ['f_1.png', 'f_9999999.png'], undefined, []],
    ['wood.png', 'file', ['wood.png'], undefined, []],
  ])('%s as %s with %j and tiles %j lacks %j', (name, extent, there, tiles, expected) => {
    expect(namePattern(name, extent).absent(there, tiles)).toEqual(expected);
  });
});

describe('project root', () => {
  test.each<[string, string, ProjectRoot['reach']]>([
    ['memory://films/uploads/film/shot.blend', 'memory://films/uploads/film/', 'folder'],
    ['memory://films/uploads/film/shots/010/shot.blend', 'memory://films/uploads/film/', 'folder'],
    ['s3://films/uploads/a%20b/shot.blend', 's3://films/uploads/a%20b/', 'folder'],
    ['s3://films/uploads/submitted/0123/shot.blend', 's3://films/uploads/submitted/0123/', 'folder'],
    ['memory://films/scenes/film/shot.blend', 'memory://films/scenes/film/', 'folder'],
    ['memory://films/uploads/shot.blend', 'memory://films/uploads/', 'scene'],
    ['s3://films/uploads/submitted/shot.blend', 's3://films/uploads/submitted/', 'scene'],
    ['memory://films/shot.blend', 'memory://films/', 'scene'],
    ['file:///home/anna/shot.blend', 'file:///', 'disk'],
  ])('the project of %s is %s, with the reach "%s"', (scene, url, reach) => {
    const root = projectRootOf(new URL(scene));
    expect({ ...root, url: root.url.href }).toEqual({ url, reach });
  });

  test('a watch folder has the projects of a bucket', () => {
    const directory = new URL('file:///home/anna/farm/');
    const film = watchRootOf(directory, 'uploads/film/shot.blend');
    expect(film).toEqual({ url: new URL('uploads/film/', directory), reach: 'folder', inPlace: true });
    expect(watchRootOf(directory, 'uploads/shot.blend').reach).toBe('scene');
  });

  const SUBMITTED = 's3://films/uploads/submitted/0123456789abcdef';

  test.each<[string, string, boolean]>([
    ['s3://films/uploads/film/shot.blend', 's3://films/uploads/film/wood.png', true],
    ['s3://films/uploads/film/shot.blend', 's3://films/uploads/film2/wood.png', false],
    ['s3://films/uploads/film/shot.blend', 's3://films/uploads/other/wood.png', false],
    ['s3://films/uploads/film/shot.blend', 's3://films/renders/shot-1/frames/0001.png', false],
    ['s3://films/uploads/film/shot.blend', 's3://others/uploads/film/wood.png', false],
    ['s3://films/uploads/film/shot.blend', 'file:///uploads/film/wood.png', false],
    ['s3://films/uploads/shot.blend', 's3://films/uploads/wood.png', false],
    [`${SUBMITTED}/shot.blend`, 's3://films/uploads/submitted/fedcba9876543210/wood.png', true],
    [`${SUBMITTED}/shot.blend`, 's3://films/uploads/film/wood.png', false],
  ])('the plan of %s may name %s: %s', (scene, file, may) => {
    expect(mayNeed(new URL(scene), new URL(file))).toBe(may);
  });
});

describe('resolve path', () => {
  const FOLDER = ['film', 'shots'];

  describe('a path below the project', () => {
    test.each([
      ['//wood.png', 'film/shots/wood.png'],
      ['//textures/wood.png', 'film/shots/textures/wood.png'],
      ['//../lib/props.blend', 'film/lib/props.blend'],
      ['//..\\lib\\props.blend', 'film/lib/props.blend'],
      ['//./a//b/../c.png', 'film/shots/a/c.png'],
      ['//../../shared/x.png', 'shared/x.png'],
      ['//textures/wood.<UDIM>.png', 'film/shots/textures/wood.<UDIM>.png'],
      ['///odd.png', 'film/shots/odd.png'],
      ['//Übung 映画.png', 'film/shots/Übung 映画.png'],
    ])('%s', (written, path) => {
      expect(resolvePath(written, FOLDER)).toEqual({ kind: 'project', segments: path.split('/') });
    });
  });

  test.each([
    ['//../../../secret', 'outside'],
    ['//..\\..\\..\\secret', 'outside'],
    ['//a/../../../../film/shots/x.png', 'outside'],
    ['\\\\server\\share\\wood.png', 'network'],
    ['\\\\?\\C:\\wood.png', 'network'],
    ['C:\\textures\\wood.png', 'absolute'],
    ['c:/textures/wood.png', 'absolute'],
    ['D:wood.png', 'absolute'],
    ['\\textures\\wood.png', 'absolute'],
    ['textures/wood.png', 'unanchored'],
    ['wood.png', 'unanchored'],
    ['../wood.png', 'unanchored'],
    ['', 'unusable'],
    ['//../..', 'unusable'],
    ['//a\0b', 'unusable'],
    ['/', 'unusable'],
  ])('%j is %s', (written, kind) => {
    expect(resolvePath(written, FOLDER)).toEqual({ kind });
  });

  test('the project itself is not a file', () => {
    expect(resolvePath('//', [])).toEqual({ kind: 'unusable' });
  });

  test('an absolute path of this system is normalized', () => {
    const segments = ['home', 'anna', 'wood.png'];
    expect(resolvePath('/home/anna/x/../wood.png', FOLDER)).toEqual({ kind: 'absolute', segments });
    expect(resolvePath('/../etc/passwd', FOLDER)).toEqual({ kind: 'unusable' });
  });

  const separator = fc.constantFrom('/', '\\', '//', '/./', '/../', '\\..\\');
  const piece = fc.oneof(
    fc.constantFrom('..', '.', '', 'a', 'C:', '~', '%2e%2e', '..;', '…'),
    fc.string({ maxLength: 6 }),
  );
  const path = fc
    .tuple(
      fc.constantFrom('//', '', '/', '\\\\', '\\', '//..'),
      fc.array(fc.tuple(piece, separator), { maxLength: 12 }),
    )
    .map(([start, parts]) => start + parts.flat().join(''));
  const folder = fc.array(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 3 });

  test('no path leads out of the root', () => {
    fc.assert(
      fc.property(fc.oneof(path, fc.string({ unit: 'binary' })), folder, (written, below) => {
        const resolved = resolvePath(written, below);
        if (!('segments' in resolved) || !resolved.segments) return;
        const relative = resolved.segments.join('/');
        expect(isProjectPath(relative)).toBe(true);
        expect(normalize(join('/root', relative))).toBe(`/root/${relative}`);
      }),
      { numRuns: 5_000 },
    );
  });

  test('a path in the project resolves as in POSIX', () => {
    const names = fc.array(fc.constantFrom('a', 'b', '..', '.'), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(names, folder, (parts, below) => {
        const resolved = resolvePath(`//${parts.join('\\')}`, below);
        const posix = normalize(join('/', ...below, ...parts)).replace(/(?<=.)\/$/, '');
        // POSIX drops a `..` above the root; here it is refused.
        const isOutside = depthsOf(parts, below.length).some((depth) => depth < 0);
        const found = resolved.kind === 'project' ? `/${resolved.segments.join('/')}` : resolved.kind;
        const nothing = isOutside ? 'outside' : 'unusable';
        expect(found).toBe(isOutside || posix === '/' ? nothing : posix);
      }),
    );
  });

  /** How deep below the root each part of a path ends. */
  function depthsOf(parts: readonly string[], start: number): number[] {
    let depth = start;
    return parts.map((part) => (depth += part === '..' ? -1 : Number(part !== '.')));
  }

  test('a path with more .. than folders stays at the root of a disk, as in Blender', () => {
    expect(resolvePath('//../../../../tex/wood.png', ['home', 'film'], true)).toEqual({
      kind: 'absolute',
      segments: ['tex', 'wood.png'],
    });
  });

  test('a path with more .. than folders leads out of the folder of a bucket', () => {
    expect(resolvePath('//../../../../tex/wood.png', ['home', 'film'])).toEqual({ kind: 'outside' });
  });
});

describe('unicode forms', () => {
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

  test('missing pictures of a sequence are spelled as in the scene', async () => {
    const storage = new CountingStorage();
    const names = ['é_0001.png', 'é_0003.png'].map((name) => `uploads/${name.normalize('NFD')}`);
    await putAll(storage, Object.fromEntries(names.map((name) => [name, name])));
    const finder = new FileFinder(storage, projectRootOf(new URL('memory://films/uploads/shot.blend')));
    const { absent } = await finder.find(['é_0001.png'.normalize('NFC')], 'sequence');
    expect(absent).toEqual(['é_0002.png'.normalize('NFC')]);
  });

  test('the exact spelling wins over another', async () => {
    const storage = new CountingStorage();
    const [written, other] = ['é.png'.normalize('NFC'), 'é.png'.normalize('NFD')];
    await putAll(storage, { [`uploads/${written}`]: 'written', [`uploads/${other}`]: 'other' });
    const finder = new FileFinder(storage, projectRootOf(new URL('memory://films/uploads/shot.blend')));
    const { files, isOtherForm } = await finder.find([written], 'file');
    expect({ files: files.map(({ path }) => path), isOtherForm }).toEqual({ files: [written] });
  });

  test('files of a library in a folder of another form travel beside it as written', async () => {
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
      'a file of another form that is %s is an %s if it is opened in place',
      async (reach, severity) => {
        expect(await findings('here', reach)).toMatchObject([
          { severity, message: expect.stringContaining('another Unicode form') },
        ]);
      },
    );

    test('a farm gets it by the written name, without a finding', async () => {
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
});
