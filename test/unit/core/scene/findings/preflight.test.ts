import { SpotreelError } from '../../../../../core/errors';
import type { RenderOptions } from '../../../../../core/render/options';
import type { SceneFacts } from '../../../../../core/scene/blend/facts';
import type { BlendContents, Dependency } from '../../../../../core/scene/contents/blend-contents';
import {
  digestOfFiles,
  preflight,
  PreflightError,
  type PreflightInput,
  refuseErrors,
} from '../../../../../core/scene/findings/preflight';
import {
  contents,
  CountingStorage,
  dependency,
  examine,
  facts,
  putAll,
} from '../../../../support/made-scenes';

describe('blender findings', () => {
  interface Case {
    readonly held?: Partial<BlendContents>;
    readonly scene?: Partial<SceneFacts>;
    readonly options?: RenderOptions;
    readonly input?: Partial<PreflightInput>;
  }

  async function codes({ held, scene, options = {}, input }: Case): Promise<string[]> {
    const storage = new CountingStorage();
    const examination = await examine('uploads/film/shot.blend', contents([], held), storage, facts(scene));
    const place = { file: 'shot.blend', place: 'farm', hasDisplay: false } as const;
    const { findings } = preflight(examination, { ...place, options, ...input });
    return findings.map(({ severity, code }) => `${severity} ${code}`);
  }

  describe('preflight reports', () => {
    test.each<[string, Case, string[]]>([
      [
        'denoising, without OpenImageDenoise',
        { scene: { denoises: true }, input: { hasDenoiser: false } },
        ['error denoiser-missing'],
      ],
      [
        'denoising, without OpenImageDenoise, forced',
        { scene: { denoises: true }, input: { hasDenoiser: false }, options: { force: true } },
        ['error denoiser-missing'],
      ],
      ['denoising, with OpenImageDenoise', { scene: { denoises: true }, input: { hasDenoiser: true } }, []],
      ['denoising of an unknown Blender', { scene: { denoises: true } }, []],
      [
        'denoising of Cycles, but EEVEE renders',
        {
          scene: { denoises: true, engine: 'BLENDER_EEVEE' },
          input: { hasDenoiser: false, hasDisplay: true },
        },
        [],
      ],
      [
        'a Denoise node, without OpenImageDenoise',
        {
          scene: { usesCompositor: true },
          held: { denoiseNodes: ['scene "Shot"'] },
          input: { hasDenoiser: false },
        },
        ['warning denoise-nodes-off'],
      ],
      [
        'a Denoise node that is not used, without OpenImageDenoise',
        { held: { denoiseNodes: ['scene "Other"'] }, input: { hasDenoiser: false } },
        [],
      ],
      [
        'a view of another colour configuration',
        { scene: { colors: { display: 'sRGB', view: 'StudioShow', look: 'None' } } },
        ['error view-missing'],
      ],
      [
        'a view of the colour configuration that OCIO names',
        {
          scene: { colors: { display: 'sRGB', view: 'StudioShow', look: 'None' } },
          input: { hasOwnColors: true },
        },
        [],
      ],
      ["a view of Blender's own", { scene: { colors: { display: 'sRGB', view: 'AgX', look: 'None' } } }, []],
      ...['AgX - HDR 1000 nits', 'AgX - SDR', 'ACES 1.3 - HDR 4000 nits', 'ACES 2.0 - HDR 500 nits'].map(
        (view): [string, Case, string[]] => [
          `Blender's own view ${view} of an HDR display`,
          { scene: { colors: { display: 'Rec.2100-PQ', view, look: 'None' } }, options: { video: 'hevc' } },
          [],
        ],
      ),
      [
        'a node tree of an add-on',
        { held: { addonTrees: ['an_AnimationNodeTree'] } },
        ['warning addon-nodes'],
      ],
    ])('%s', async (_, given, expected) => {
      expect(await codes(given)).toEqual(expected);
    });
  });
});

describe('preflight', () => {
  const FILE = 's3://films/uploads/film/shot.blend';

  interface Case {
    readonly needed?: readonly Dependency[];
    readonly held?: Partial<BlendContents>;
    readonly scene?: Partial<SceneFacts>;
    readonly options?: RenderOptions;
    readonly files?: Readonly<Record<string, string>>;
    readonly input?: Partial<PreflightInput>;
  }

  async function check({ needed = [], held, scene, options = {}, files = {}, input }: Case) {
    const storage = new CountingStorage();
    await putAll(storage, files);
    const examination = await examine(
      'uploads/film/shot.blend',
      contents(needed, held),
      storage,
      facts(scene),
    );
    return preflight(examination, { file: FILE, options, place: 'farm', hasDisplay: false, ...input });
  }

  const codes = async (one: Case) =>
    (await check(one)).findings.map(({ severity, code }) => `${severity} ${code}`);

  test('a scene without faults has no findings', async () => {
    const files = { 'uploads/film/wood.png': 'wood' };
    const checked = await check({
      needed: [dependency('//wood.png'), dependency('//in.png', { packed: true })],
      files,
    });
    expect(checked).toMatchObject({ findings: [], scenePath: 'shot.blend', needsOneSlice: false });
    expect(checked.files).toEqual([
      {
        path: 'wood.png',
        url: 'memory://films/uploads/film/wood.png',
        size: 4,
        etag: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
  });

  describe('files', () => {
    const library = (path: string) => dependency(path, { kind: 'library', usedBy: [] });
    test.each<[string, Dependency, string, string]>([
      [
        'missing',
        dependency('//wood.png'),
        'warning image-missing',
        'image "Wood" needs //wood.png, which is missing (memory://films/uploads/film/wood.png): put it there, or choose it again',
      ],
      [
        'absolute, of Windows',
        dependency('C:\\tex\\wood.png'),
        'warning absolute-path',
        'needs C:\\tex\\wood.png, which exists on one machine only: put it into the folder of the .blend and choose File > External Data > Make Paths Relative',
      ],
      ['absolute', dependency('/home/anna/wood.png'), 'warning absolute-path', 'one machine only'],
      ['on a network drive', dependency('\\\\nas\\wood.png'), 'warning network-path', 'one network only'],
      [
        'outside the project',
        dependency('//../../wood.png'),
        'warning outside-project',
        "leads out of the project's folder",
      ],
      ['without //', dependency('wood.png'), 'warning unanchored-path', 'Make Paths Relative'],
      [
        'of another spelling',
        dependency('//There.PNG'),
        'warning letter-case',
        'the name there is there.png, which is another name on Linux',
      ],
      [
        'of a folder of another spelling',
        dependency('//Tex/x.png'),
        'warning letter-case',
        'the name there is tex/',
      ],
      [
        'without tiles',
        dependency('//w.<UDIM>.png', { extent: 'tiles' }),
        'warning image-missing',
        'w.<UDIM>.png',
      ],
      [
        'an empty cache',
        dependency('//cache', { kind: 'fluid-cache', extent: 'folder', usedBy: [] }),
        'warning fluid-cache-missing',
        'a fluid needs //cache, which is missing (memory://films/uploads/film/cache): put it there, or bake it again',
      ],
      ['a sound', dependency('//a.wav', { kind: 'sound' }), 'warning sound-missing', 'a.wav'],
      [
        'a missing library',
        library('//lib.blend'),
        'error library-missing',
        'a linked library needs //lib.blend, which is missing',
      ],
      ['an absolute library', library('/lib.blend'), 'error library-missing', 'one machine only'],
      ['a library out of the project', library('//../../lib.blend'), 'error library-missing', 'leads out'],
      [
        'used by several',
        dependency('//x.png', { usedBy: ['image "A"', 'image "B"', 'image "C"'] }),
        'warning image-missing',
        'image "A" and 2 others need ',
      ],
    ])('%s', async (_, one, expected, words) => {
      const files = { 'uploads/film/there.png': 'x', 'uploads/film/tex/x.png': 'y' };
      const { findings } = await check({ needed: [one], files });
      expect(findings).toHaveLength(1);
      const { severity, code, message, path } = findings[0]!;
      expect(`${severity} ${code}`).toBe(expected);
      expect(message).toContain(words);
      expect(path).toBe(one.path);
    });

    test('messages show names from a file only as printable text', async () => {
      const evil = '//\u001b[2J\n::error::\u202e.png';
      const { findings } = await check({ needed: [dependency(evil, { usedBy: ['image "\u0007\nx"'] })] });
      // oxlint-disable-next-line no-control-regex -- control characters are what it is about
      expect(findings[0]!.message).not.toMatch(/[\u0000-\u001f\u202e]/);
      expect(findings[0]!.message).toContain('\\u001b[2J\\u000a::error::');
    });

    test('that two users need are reported once and fetched once', async () => {
      const needed = [
        dependency('//a.png'),
        dependency('//./a.png'),
        dependency('//gone.png'),
        dependency('//gone.png'),
      ];
      const checked = await check({ needed, files: { 'uploads/film/a.png': 'a' } });
      expect(checked.files).toHaveLength(1);
      expect(checked.findings).toHaveLength(1);
    });
  });

  describe('settings', () => {
    test.each<[string, Case, string[]]>([
      [
        'all errors at once',
        { scene: { hasCamera: false, frameStart: 9, frameEnd: 5, fps: 0 } },
        ['error no-camera', 'error empty-range', 'error bad-frame-rate'],
      ],
      ['an unknown scene', { options: { scene: 'Nope' } }, ['error no-such-scene']],
      ['EEVEE', { scene: { engine: 'BLENDER_EEVEE' } }, ['warning engine-needs-display']],
      ['EEVEE with a display', { scene: { engine: 'BLENDER_EEVEE' }, input: { hasDisplay: true } }, []],
      [
        'EEVEE, but the options request Cycles',
        { scene: { engine: 'BLENDER_EEVEE' }, options: { engine: 'CYCLES' } },
        [],
      ],
      ['EEVEE, but the sequencer renders', { scene: { engine: 'BLENDER_EEVEE', usesSequencer: true } }, []],
      ['an old engine', { scene: { engine: 'BLENDER_RENDER' } }, ['error engine-gone']],
      ["an add-on's engine", { scene: { engine: 'constructor' } }, ['error engine-unknown']],
      [
        "an add-on's engine, forced",
        { scene: { engine: 'LUXCORE' }, options: { force: true } },
        ['warning engine-unknown'],
      ],
      [
        "an add-on's engine, but another is asked for",
        { scene: { engine: 'LUXCORE' }, options: { engine: 'CYCLES' } },
        [],
      ],
      ['a movie', { scene: { outputFormat: 'FFMPEG' } }, ['note movie-output']],
      ['a format that is not kept', { scene: { outputFormat: 'UNKNOWN(99)' } }, ['note format-not-kept']],
      ['OpenEXR', { scene: { outputFormat: 'OPEN_EXR_MULTILAYER' } }, []],
      ['JPEG', { scene: { outputFormat: 'JPEG' } }, []],
      ['markers', { scene: { markerCameras: true, switchesCameras: true } }, ['warning marker-cameras']],
      ['a camera bound to a marker', { scene: { markerCameras: true } }, []],
      [
        'File Output nodes',
        { held: { fileOutputs: [{ path: '/tmp/a' }, { path: '//b' }] } },
        ['note file-output', 'note file-output'],
      ],
      ['sound', { scene: { hasSoundStrips: true } }, []],
      [
        'sound, and frames left out',
        { scene: { hasSoundStrips: true }, options: { frames: '1,3' } },
        ['warning sound-left-out'],
      ],
      [
        'sound of a GIF',
        { scene: { hasSoundStrips: true }, options: { video: 'gif' } },
        ['warning sound-left-out'],
      ],
      ['sound of frames alone', { scene: { hasSoundStrips: true }, options: { video: 'none' } }, []],
      ['speakers', { held: { speakers: ['Radio'] } }, ['note speakers']],
      ['a file too large to look through', { held: { incomplete: true } }, ['error contents-incomplete']],
    ])('%s', async (_, one, expected) => {
      expect(await codes(one)).toEqual(expected);
    });

    test('a newer file than the Blender there', async () => {
      const placeFaults = [new SpotreelError('blender-too-old', 'scene', 'saved by Blender 9.9')];
      expect(await codes({ input: { placeFaults } })).toEqual(['error blender-too-old']);
      expect(await codes({ input: { placeFaults }, options: { force: true } })).toEqual([
        'warning blender-too-old',
      ]);
    });
  });

  describe('unbaked simulations', () => {
    const unbaked = [{ kind: 'cloth', what: 'modifier "Cloth"' }];

    test('need one slice, with the reason', async () => {
      const { needsOneSlice, findings } = await check({ held: { unbaked } });
      expect(needsOneSlice).toBe(true);
      expect(findings[0]).toMatchObject({ code: 'unbaked-simulation', severity: 'warning' });
      expect(findings[0]!.message).toContain('modifier "Cloth" (cloth) is a simulation that is not baked: ');
    });

    test.each([
      [['OBFlag'], true],
      [[], false],
    ])('in a library with %j linked', async (linked, expected) => {
      const needed = [dependency('//lib.blend', { kind: 'library', linked })];
      const files = { 'uploads/film/lib.blend': JSON.stringify(contents([], { unbaked })) };
      expect(await check({ needed, files })).toMatchObject({ needsOneSlice: expected });
    });
  });

  describe('refusing', () => {
    const broken: Case = {
      scene: { hasCamera: false },
      needed: [dependency('//l.blend', { kind: 'library' }), dependency('//x.png')],
    };

    test('several errors become one error that lists them and has all findings', async () => {
      const checked = await check(broken);
      const refuse = () => refuseErrors(checked, FILE);
      expect(refuse).toThrow(PreflightError);
      expect(refuse).toThrow(
        expect.objectContaining({ code: 'preflight', kind: 'scene', findings: checked.findings }),
      );
      expect(refuse).toThrow(
        /^2 errors in s3:\/\/films\/uploads\/film\/shot\.blend\n- no-camera: .*\n- library-missing: /,
      );
    });

    test('a single error keeps its code and message', async () => {
      const checked = await check({ scene: { hasCamera: false } });
      expect(() => refuseErrors(checked, FILE)).toThrow(
        expect.objectContaining({ code: 'no-camera', message: expect.stringContaining('has no camera') }),
      );
    });

    test('warnings refuse nothing', async () => {
      const checked = await check({ needed: [dependency('//x.png')] });
      expect(checked.findings).toHaveLength(1);
      expect(() => refuseErrors(checked, FILE)).not.toThrow();
    });

    test('--force renders without a library, but not without a camera', async () => {
      expect(await codes({ ...broken, options: { force: true } })).toEqual([
        'error no-camera',
        'warning library-missing',
        'warning image-missing',
      ]);
    });

    test('findings beyond 500 are counted', async () => {
      const needed = Array.from({ length: 700 }, (_, n) => dependency(`//${n}.png`));
      const { findings } = await check({ needed });
      expect(findings).toHaveLength(501);
      expect(findings.at(-1)).toMatchObject({
        code: 'more-findings',
        message: 'and 200 more findings; fix these first',
      });
    });
  });

  test('a stereo scene is reported as one view', async () => {
    expect(await codes({ scene: { usesViews: true } })).toEqual(['warning stereo-one-view']);
  });

  test('digests of files depend on path, size and version', () => {
    const file = { path: 'a', url: 'x', size: 1, etag: 'e' };
    const digests = [
      [file],
      [{ ...file, etag: 'f' }],
      [{ ...file, size: 2 }],
      [{ ...file, path: 'b' }],
      [file, file],
      [],
    ].map(digestOfFiles);
    expect(new Set(digests).size).toBe(6);
    expect(digestOfFiles([{ ...file, url: 'y' }])).toBe(digests[0]);
  });
});
