import { cameraRenders } from '../../../../core/jobs/submit';
import { manifestSchema } from '../../../../core/render/manifest';
import type { RenderOptions } from '../../../../core/render/options';
import type { BlendFacts, SceneFacts } from '../../../../core/scene/blend/facts';
import {
  type CheckedScene,
  chooseCameras,
  hasSound,
  planRender,
  sceneFaults,
} from '../../../../core/scene/plan';
import { facts } from '../../../support/made-scenes';

describe('cameras', () => {
  const scene = (names: readonly string[], isWhole = true, changes = {}) => ({
    facts: facts(changes),
    contents: { cameras: [{ scene: 'Shot', names, isWhole }] },
  });
  const choose = (camera: string, names = ['Left', 'Right'], isWhole = true) =>
    chooseCameras(scene(names, isWhole), { camera });

  describe('chooseCameras', () => {
    test.each([
      ['Left', ['Left']],
      ['Right,Left', ['Right', 'Left']],
      ['Right, Left,Right', ['Right', 'Left']],
      ['all', ['Left', 'Right']],
      ['Right,all', ['Right', 'Left']],
    ])('reads %s', (camera, expected) => {
      expect(choose(camera)).toEqual(expected);
    });

    test('prefers an exact name to commas and "all"', () => {
      expect(choose('Wide, low', ['Wide', 'Wide, low'])).toEqual(['Wide, low']);
      expect(choose('all', ['all', 'Wide'])).toEqual(['all']);
    });

    test.each(['Nope', 'Left,Nope', 'Left,', ','])('refuses %j and names the cameras', (camera) => {
      expect(() => choose(camera)).toThrow(
        expect.objectContaining({
          code: 'no-such-camera',
          kind: 'usage',
          message: expect.stringContaining('scene "Shot" has the cameras "Left", "Right"; change --camera'),
        }),
      );
    });

    test('accepts a name that a library may hold', () => {
      expect(choose('Of a library', [], false)).toEqual(['Of a library']);
    });

    test('refuses all cameras of a scene without any', () => {
      expect(() => choose('all', [])).toThrow('scene "Shot" has no cameras');
    });

    test('refuses a scene that renders its sequencer', () => {
      const cut = scene(['Left'], true, { usesSequencer: true });
      expect(() => chooseCameras(cut, { camera: 'Left' })).toThrow('renders its video sequencer');
    });
  });

  describe('cameraRenders', () => {
    const of = (camera: string | undefined, name?: string, names = ['Cam A', 'Cam B', 'Ü', '!']) =>
      cameraRenders(
        {
          source: new URL('file:///shot.blend'),
          etag: 'x',
          options: { ...(camera !== undefined && { camera }) },
        },
        scene(names),
        name,
      );

    test('makes one render without a group for no camera and for one camera', () => {
      expect(of(undefined, 'take')).toEqual([{ options: {}, name: 'take' }]);
      expect(of('Cam A')).toEqual([{ options: { camera: 'Cam A' } }]);
      expect(of('all', undefined, ['Only'])).toEqual([{ options: { camera: 'Only' } }]);
    });

    test('makes one render for each of several cameras, in one group', () => {
      const [first, second] = of('Cam B,Cam A');
      expect(first).toEqual({
        options: { camera: 'Cam B' },
        group: expect.stringMatching(/^shot-[0-9a-f]{8}$/),
      });
      expect(second).toEqual({ options: { camera: 'Cam A' }, group: first!.group });
    });

    test('appends the camera, or its number, to a name', () => {
      expect(of('all', 'take').map(({ name }) => name)).toEqual([
        'take-Cam-A',
        'take-Cam-B',
        'take-Ü',
        'take-4',
      ]);
      expect(of('all', 'take')[0]!.group).toBe('take');
    });
  });
});

describe('plan', () => {
  const scene: SceneFacts = {
    name: 'Shot',
    frameStart: 1,
    frameEnd: 48,
    frameStep: 1,
    fps: 24,
    fpsBase: 1,
    width: 1920,
    height: 1080,
    resolutionPercent: 50,
    engine: 'CYCLES',
    outputFormat: 'FFMPEG',
    outputPath: '//out/',
    hasCamera: true,
    markerCameras: false,
    switchesCameras: false,
    usesSequencer: false,
    hasSoundStrips: false,
    hasSceneStrips: false,
    usesCompositor: false,
    denoises: false,
    viewLayers: ['ViewLayer'],
  };

  function factsOf(changes: Partial<SceneFacts>): BlendFacts {
    return {
      blenderVersion: { major: 3, minor: 4, text: '3.4' },
      blenderSubversion: 6,
      compression: 'none',
      renderRanges: [],
      incomplete: false,
      scenes: [
        { ...scene, name: 'Draft', hasCamera: false },
        { ...scene, ...changes },
      ],
      activeScene: changes.name ?? 'Shot',
    };
  }

  function plan(changes: Partial<SceneFacts>, options: RenderOptions = {}, checked?: CheckedScene) {
    const facts = factsOf(changes);
    const source = { url: '/films/shot.blend', etag: 'abc', size: 1 };
    return planRender({ renderId: 'shot', source, facts, options, parallel: 2, now: new Date(0), checked });
  }

  test('a plan has the settings of the active scene', () => {
    expect(manifestSchema.parse(plan({}))).toMatchObject({
      scene: 'Shot',
      frames: [{ start: 1, end: 48, step: 1 }],
      frameCount: 48,
      framesPerSlice: 24,
      sliceCount: 2,
      frameRate: { numerator: 24, denominator: 1 },
      resolution: { width: 960, height: 540 },
      engine: 'CYCLES',
      blenderVersion: { major: 3, minor: 4 },
    });
  });

  describe('a pace', () => {
    const pace = { frameSeconds: 100, startSeconds: 5, from: 'render' } as const;
    const source = { url: '/films/shot.blend', etag: 'abc', size: 1 };
    const planOf = (options: RenderOptions, checked?: CheckedScene, changes = {}) =>
      planRender({
        ...{ renderId: 'shot', source, facts: factsOf({}), options, parallel: 2, now: new Date(0) },
        pace: { ...pace, ...changes },
        checked,
      });

    test('decides the frames per slice and is part of the plan', () => {
      expect(manifestSchema.parse(planOf({}))).toMatchObject({ framesPerSlice: 4, sliceCount: 12, pace });
    });

    test.each([{ frameSeconds: 2e9 }, { startSeconds: 2e9 }, { startSeconds: -1 }])(
      'of impossible seconds (%j) refuses no plan',
      (changes) => {
        expect(() => manifestSchema.parse(planOf({}, undefined, changes))).not.toThrow();
      },
    );

    test('of a machine that is never reclaimed makes no shorter slices than without it', () => {
      const options = { frames: '1-10000' };
      const without = planRender({
        ...{ renderId: 'shot', source, facts: factsOf({}), options, parallel: 2, now: new Date(0) },
      });
      const frames = { frameSeconds: 10, freshSeconds: 30 };
      expect(planOf(options, undefined, frames).sliceCount).toBeGreaterThan(without.sliceCount);
      expect(planOf(options, undefined, { ...frames, leastSlices: 1 }).sliceCount).toBe(without.sliceCount);
    });

    test('does not overrule the frames per slice of the user', () => {
      const manifest = planOf({ framesPerSlice: 8 });
      expect(manifest.framesPerSlice).toBe(8);
      expect(manifest.pace).toBeUndefined();
    });

    test('does not divide frames that need those before them', () => {
      const checked = {
        scenePath: 'a.blend',
        files: [],
        findings: [],
        needsOneSlice: true,
        hasSpeakers: false,
      };
      const manifest = planOf({}, checked);
      expect(manifest.sliceCount).toBe(1);
      expect(manifest.pace).toBeUndefined();
    });
  });

  test("a plan keeps the scene's start and step within its last frame", () => {
    const { frames, frameCount } = plan({ frameStart: 101, frameEnd: 120, frameStep: 3 });
    expect(frames).toEqual([{ start: 101, end: 119, step: 3 }]);
    expect(frameCount).toBe(7);
  });

  test('options replace settings of the scene', () => {
    const options = {
      frames: '1-3,9',
      resolutionPercent: 10,
      framesPerSlice: 1,
      engine: 'BLENDER_EEVEE',
    } as const;
    expect(plan({ frameStep: 0 }, options)).toMatchObject({
      frameCount: 4,
      sliceCount: 4,
      resolution: { width: 192, height: 108 },
      engine: 'BLENDER_EEVEE',
      options,
    });
  });

  describe('results of the preflight', () => {
    const finding = { code: 'unbaked-simulation', severity: 'warning', message: 'cloth' } as const;
    const files = [{ path: 'lib/a.png', url: 's3://films/a.png', size: 1, etag: 'e' }];
    const checked: CheckedScene = {
      scenePath: 'shots/shot.blend',
      files,
      findings: [finding],
      needsOneSlice: false,
      hasSpeakers: false,
    };

    test('are in the plan', () => {
      expect(manifestSchema.parse(plan({}, {}, checked))).toMatchObject({
        scenePath: 'shots/shot.blend',
        dependencies: files,
        findings: [finding],
        sliceCount: 2,
      });
    });

    test.each<[RenderOptions, number]>([
      [{}, 1],
      [{ framesPerSlice: 8 }, 1],
      [{ framesPerSlice: 8, force: true }, 6],
      [{ force: true }, 1],
    ])('makes one slice of frames that need those before them, with %j %i', (options, slices) => {
      expect(plan({}, options, { ...checked, needsOneSlice: true }).sliceCount).toBe(slices);
    });

    test.each(['../a.png', '/a.png', 'a/../../b', 'a\\b', ''])(
      'make an invalid plan with the path %j',
      (path) => {
        const evil = { ...plan({}, {}, checked), dependencies: [{ ...files[0]!, path }] };
        expect(manifestSchema.safeParse(evil).success).toBe(false);
      },
    );

    test('may be missing from an older plan', () => {
      expect(manifestSchema.parse(plan({}))).not.toHaveProperty('dependencies');
    });
  });

  test('a file that could not be read up to its scene gets an error with a fix', () => {
    const facts = { ...factsOf({}), scenes: [], incomplete: true };
    expect(sceneFaults(facts, {}, 'shot.blend')).toMatchObject([
      { code: 'scene-unread', message: expect.stringContaining('save it without Compress') },
    ]);
  });

  test.each<[string, Partial<SceneFacts>, RenderOptions, string]>([
    ['no camera', { hasCamera: false }, {}, 'scene "Shot" of /films/shot.blend has no camera'],
    ['start after end', { frameStart: 60 }, {}, 'starts at frame 60, after its end 48'],
    ['step 0', { frameStep: 0 }, {}, 'has frame step 0; set Step to 1 or more'],
    ['a negative step', { frameStep: -3 }, {}, 'has frame step -3'],
    ['fps_base 0', { fpsBase: 0 }, {}, 'has 24 frames per second with base 0'],
    ['fps 0', { fps: 0 }, {}, 'has 0 frames per second'],
    [
      '4 billion frames',
      { frameStart: -2_147_483_648, frameEnd: 2_147_483_647 },
      {},
      "beyond Blender's limits",
    ],
    [
      'an unknown scene',
      {},
      { scene: 'Shoot' },
      'there is no scene "Shoot" in /films/shot.blend; it has "Draft", "Shot"',
    ],
    ['a scene of no size', { resolutionPercent: 0 }, {}, 'renders 0×0 pixels at 0 %'],
  ])('%s is refused with one message', (_, changes, options, message) => {
    expect(() => plan(changes, options)).toThrow(message);
  });

  test.each<[string, Partial<SceneFacts>]>([
    ['markers bring cameras', { hasCamera: false, markerCameras: true }],
    ['the sequencer renders', { hasCamera: false, usesSequencer: true }],
  ])('a plan needs no camera if %s', (_, changes) => {
    expect(plan(changes).frameCount).toBe(48);
  });

  test("a plan for Blender's longest range does not walk its frames", () => {
    expect(plan({ frameStart: -1_048_574, frameEnd: 1_048_574 })).toMatchObject({
      frameCount: 2_097_149,
      sliceCount: 16,
    });
  });

  describe('sound', () => {
    const heard = { hasSoundStrips: true };
    const checked: CheckedScene = {
      scenePath: 'shot.blend',
      files: [],
      findings: [],
      needsOneSlice: false,
      hasSpeakers: true,
    };

    test.each<[string, Partial<SceneFacts>, RenderOptions, true | undefined]>([
      ['strips', heard, {}, true],
      ['strips in a range of the user’s', heard, { frames: '30-40' }, true],
      ['strips in ranges that follow each other', heard, { frames: '30-40,41,42-50' }, true],
      ['strips, frames left out', heard, { frames: '30-40,42' }, undefined],
      ['strips, a step', { ...heard, frameStep: 2 }, {}, undefined],
      ['strips, frames below 0', heard, { frames: '-1-9' }, undefined],
      ['strips, a format with alpha', heard, { video: 'vp9' }, true],
      ['strips, a GIF', heard, { video: 'gif' }, undefined],
      ['strips, frames alone', heard, { video: 'none' }, undefined],
      ['another scene’s strips', { hasSceneStrips: true }, {}, undefined],
      ['none', {}, {}, undefined],
    ])('%s: %#', (_, changes, options, sound) => {
      expect(manifestSchema.parse(plan(changes, options)).sound).toBe(sound);
    });

    test('comes from a scene that a strip shows', () => {
      const facts = factsOf({ hasSceneStrips: true });
      const shown = { ...facts, scenes: [{ ...facts.scenes[0]!, hasSoundStrips: true }, facts.scenes[1]!] };
      expect(hasSound(shown, shown.scenes[1]!, false)).toBe(true);
      expect(hasSound(shown, { ...shown.scenes[1]!, hasSceneStrips: false }, false)).toBe(false);
    });

    test('comes from speakers', () => {
      expect(plan({}, {}, checked).sound).toBe(true);
      expect(plan({}, {}, { ...checked, hasSpeakers: false })).not.toHaveProperty('sound');
    });
  });

  describe('a scene that only composites', () => {
    const facts = factsOf({ hasCamera: false });
    const faults = (from: string[]) =>
      sceneFaults(facts, {}, '/films/shot.blend', { composites: [{ scene: 'Shot', from }] });

    test('needs no camera of its own', () => {
      expect(faults([])).toEqual([]);
    });

    test('needs the camera of a scene that it renders', () => {
      const message = expect.stringMatching(/^scene "Draft", which .* composites, has no camera/);
      expect(faults(['Draft'])).toEqual([expect.objectContaining({ code: 'no-camera', message })]);
    });
  });
});
