import { SpotreelError } from '../../../../../core/errors';
import type { RenderOptions } from '../../../../../core/render/options';
import type {
  BlendContents,
  Dependency,
  LinkedData,
  Reach,
} from '../../../../../core/scene/contents/blend-contents';
import { dependencyFindings } from '../../../../../core/scene/findings/dependencies';
import {
  preflight,
  PreflightError,
  type PreflightInput,
  refuseErrors,
} from '../../../../../core/scene/findings/preflight';
import type { FoundLibrary } from '../../../../../core/scene/project/dependencies';
import {
  contents,
  CountingStorage,
  dependency,
  examine,
  facts,
  putAll,
} from '../../../../support/made-scenes';

describe('reach findings', () => {
  const FILE = 's3://films/uploads/film/shot.blend';

  async function check(needed: readonly Dependency[], input: Partial<PreflightInput> = {}) {
    const examination = await examine(
      'uploads/film/shot.blend',
      contents(needed),
      new CountingStorage(),
      facts(),
    );
    return preflight(examination, { file: FILE, options: {}, place: 'farm', hasDisplay: false, ...input });
  }

  describe('a missing file', () => {
    test.each<[string, Partial<Dependency>, string]>([
      ['that a frame needs is an error', { reach: 'rendered' }, 'error image-missing'],
      ['that a frame may need is a warning', { reach: 'maybe' }, 'warning image-missing'],
      ['that no frame needs is a note', { reach: 'unused' }, 'note image-missing'],
      ['of unknown reach is a warning', {}, 'warning image-missing'],
      ['with sound is a warning at most', { kind: 'sound', reach: 'rendered' }, 'warning sound-missing'],
      [
        'of a library that no frame needs is a note',
        { kind: 'library', reach: 'unused' },
        'note library-missing',
      ],
      ['of a library of unknown reach is an error', { kind: 'library' }, 'error library-missing'],
    ])('%s', async (_, changes, expected) => {
      const { findings } = await check([dependency('//wood.png', changes)]);
      expect(findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual([expected]);
    });

    test.each([
      ['/elsewhere/wood.png', 'absolute-path'],
      ['//../../../wood.png', 'outside-project'],
      ['wood.png', 'unanchored-path'],
      ['\\\\server\\wood.png', 'network-path'],
    ])('at %s is an error if a frame needs it', async (path, code) => {
      const { findings } = await check([dependency(path, { reach: 'rendered' })]);
      expect(findings).toMatchObject([{ severity: 'error', code, path }]);
    });

    test('that a frame needs is a warning with --force', async () => {
      const { findings } = await check([dependency('//wood.png', { reach: 'rendered' })], {
        options: { force: true },
      });
      expect(findings).toMatchObject([{ severity: 'warning', code: 'image-missing' }]);
    });

    test('names --force only if it stops the render', async () => {
      const [error, note] = (
        await check([
          dependency('//a.png', { reach: 'rendered' }),
          dependency('//b.png', { reach: 'unused' }),
        ])
      ).findings;
      expect(error!.message).toMatch(/; --force renders without it$/);
      expect(note!.message).not.toContain('--force');
    });
  });

  describe('several missing files', () => {
    const needed = ['a', 'b', 'c'].map((name) =>
      dependency(`//${name}.png`, { reach: 'rendered', usedBy: [`image "${name}"`] }),
    );

    test('stop the render with one sentence', async () => {
      const checked = await check(needed);
      expect(() => refuseErrors(checked, FILE)).toThrow(
        expect.objectContaining({
          code: 'image-missing',
          message: expect.stringMatching(
            /^3 images are missing: \/\/a.png \(image "a"\), \/\/b.png \(image "b"\), \/\/c.png \(image "c"\): put them there, or .*; --force renders without them$/,
          ),
        }),
      );
    });

    test('are separate findings for programs', async () => {
      const { findings } = await check(needed);
      expect(findings.map(({ code, path }) => [code, path])).toEqual(
        needed.map(({ path }) => ['image-missing', path]),
      );
    });

    test('are one line among other errors', async () => {
      const checked = await check([...needed, dependency('//f.ttf', { kind: 'font', reach: 'rendered' })]);
      const error = new PreflightError(FILE, checked.findings, 'scene', checked.grouped);
      expect(error.message.split('\n')).toEqual([
        `2 errors in ${FILE}`,
        expect.stringMatching(/^- image-missing: 3 images are missing/),
        expect.stringMatching(/^- font-missing: image "Wood" needs/),
      ]);
    });

    test('beyond five are counted', async () => {
      const many = Array.from({ length: 8 }, (_, at) =>
        dependency(`//${at}.png`, { reach: 'rendered', usedBy: [] }),
      );
      const { grouped } = await check(many);
      expect(grouped.get('image-missing')).toContain('//4.png and 3 more: put them there');
    });
  });

  describe('a library', () => {
    const LIBRARY = { location: '/film/lib.blend', isLinked: true, reach: 'rendered' } as const;
    const judge = (library: Partial<FoundLibrary>, blender?: PreflightInput['blender']) =>
      dependencyFindings(
        { dependencies: [], libraries: [{ ...LIBRARY, ...library }], isCut: false },
        'here',
        blender,
      ).map(({ severity, code, message }) => ({ severity, code, message }));
    const lacking = (reach: Reach): LinkedData[] => [{ name: 'OBHero', reach }];
    const held = contents([], { blenderVersion: { major: 5, minor: 2, text: '5.2' } });

    test('without an object that a frame needs is an error', () => {
      expect(judge({ lacking: lacking('rendered') })).toEqual([
        {
          severity: 'error',
          code: 'library-data-missing',
          message:
            'object "Hero" is missing from library /film/lib.blend: restore its name in the library, or link it again; --force renders without it',
        },
      ]);
    });

    test('without an object that a frame may need is a warning', () => {
      expect(judge({ lacking: lacking('maybe') })).toMatchObject([{ severity: 'warning' }]);
    });

    test('without an object that no frame needs is no finding', () => {
      expect(judge({ lacking: lacking('unused') })).toEqual([]);
    });

    test('of a newer Blender than the one that renders is an error', () => {
      expect(judge({ contents: held }, { major: 3, minor: 4 })).toMatchObject([
        {
          severity: 'error',
          code: 'library-newer',
          message: expect.stringContaining('was saved by Blender 5.2, and Blender 3.4 renders'),
        },
      ]);
    });

    test('of a newer Blender is no finding if no frame needs it', () => {
      expect(judge({ contents: held, reach: 'unused' }, { major: 3, minor: 4 })).toEqual([]);
    });

    test.each([[{ major: 5, minor: 2 }], [{ major: 6, minor: 0 }], [undefined]])(
      'of Blender 5.2 is no finding if %j renders',
      (blender) => {
        expect(judge({ contents: held }, blender)).toEqual([]);
      },
    );
  });

  test('a library is read for the data that the scene links', async () => {
    const storage = new CountingStorage();
    await putAll(storage, { 'uploads/film/lib.blend': JSON.stringify(contents([dependency('//gone.png')])) });
    const linkedData: LinkedData[] = [{ name: 'OBHero', reach: 'maybe' }];
    const needed = dependency('//lib.blend', { kind: 'library', linked: ['OBHero'], linkedData });
    const asked: unknown[] = [];
    await examine('uploads/film/shot.blend', contents([needed]), storage, facts(), async (source, part) => {
      asked.push(part);
      return JSON.parse(Buffer.from(await source.read(0, source.size)).toString());
    });
    expect(asked).toEqual([{ data: new Map([['OBHero', 'maybe']]) }]);
  });
});

describe('script findings', () => {
  const FILE = 's3://films/uploads/film/shot.blend';

  const SCRIPTS: BlendContents['scripts'] = {
    texts: ['rig.py'],
    driverExpressions: 2,
    freestyleModules: ['f.py'],
    unsafeNames: ['a\\'],
    scriptNodes: ['material "Wood"'],
  };

  const SCRIPT_CODES = [
    'warning scripts-off',
    'warning drivers-off',
    'warning freestyle-scripts',
    'warning freestyle-names',
    'warning osl-scripts',
  ];

  interface Case {
    /** Of the scene. */
    readonly scripts?: BlendContents['scripts'];
    /** Of a library, of which something is linked or nothing. */
    readonly library?: { readonly scripts: BlendContents['scripts']; readonly linked: readonly string[] };
    readonly options?: RenderOptions;
    readonly placeFaults?: PreflightInput['placeFaults'];
  }

  async function check({ scripts, library, options = {}, placeFaults = [] }: Case) {
    const storage = new CountingStorage();
    if (library) {
      const held = JSON.stringify(contents([], { scripts: library.scripts }));
      await putAll(storage, { 'uploads/film/lib.blend': held });
    }
    const needed = library
      ? [dependency('//lib.blend', { kind: 'library', usedBy: ['library "lib"'], linked: library.linked })]
      : [];
    const held = contents(needed, scripts && { scripts });
    const examination = await examine('uploads/film/shot.blend', held, storage, facts());
    return preflight(examination, { file: FILE, options, place: 'farm', hasDisplay: false, placeFaults });
  }

  const codes = async (one: Case) =>
    (await check(one)).findings.map(({ severity, code }) => `${severity} ${code}`);

  test('scripts of each kind are reported by their own code', async () => {
    expect(await codes({ scripts: SCRIPTS })).toEqual(SCRIPT_CODES);
  });

  test('allowed scripts are reported as running', async () => {
    expect(await codes({ scripts: SCRIPTS, options: { allowScripts: true } })).toEqual([
      'warning scripts-run',
    ]);
  });

  test('a scene without scripts is not reported if scripts are allowed', async () => {
    expect(await codes({ options: { allowScripts: true } })).toEqual([]);
  });

  describe('scripts of a linked library', () => {
    const library = { scripts: SCRIPTS, linked: ['SCEvil'] };

    test('are reported by the same codes, with the library', async () => {
      const { findings } = await check({ library });
      expect(findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual(SCRIPT_CODES);
      for (const { message } of findings)
        expect(message).toContain('of library memory://films/uploads/film/lib.blend');
    });

    test('are not reported if nothing is linked from it', async () => {
      expect(await codes({ library: { ...library, linked: [] } })).toEqual([]);
    });

    test('are reported as running if scripts are allowed', async () => {
      const { findings } = await check({ library, options: { allowScripts: true } });
      expect(findings).toEqual([expect.objectContaining({ code: 'scripts-run', severity: 'warning' })]);
      expect(findings[0]?.message).toContain('Freestyle style module "f.py"');
    });
  });

  test('a script that does not run is reported with the flag that lets it run', async () => {
    const scripts = { ...SCRIPTS, texts: ['a\u001b[31m.py'], driverExpressions: 0 };
    const { findings } = await check({ scripts });
    expect(findings[0]?.message).toBe(
      'registered text "a\\u001b[31m.py" does not run: Spotreel renders without it; render with --allow-scripts if you trust this scene',
    );
  });

  test('OSL shaders of one user are reported in the plural', async () => {
    const none = { texts: [], driverExpressions: 0, freestyleModules: [], unsafeNames: [] };
    const { findings } = await check({ scripts: { ...SCRIPTS, ...none } });
    expect(findings.map(({ message }) => message)).toEqual([
      expect.stringContaining('OSL shaders in material "Wood" do not run: Spotreel renders without them'),
    ]);
  });

  test('a farm without scripts refuses a scene that requests them, even with --force', async () => {
    const placeFaults = [new SpotreelError('scripts-refused', 'usage', 'this farm does not allow scripts')];
    const checked = await check({ placeFaults, options: { allowScripts: true, force: true } });
    expect(() => refuseErrors(checked, FILE)).toThrow(
      expect.objectContaining({ code: 'scripts-refused', kind: 'usage' }),
    );
  });
});
