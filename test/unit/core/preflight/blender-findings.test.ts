import type { BlendContents } from '../../../../core/blend/contents/blend-contents';
import type { SceneFacts } from '../../../../core/blend/scene-facts';
import type { RenderOptions } from '../../../../core/contract/options';
import { preflight, type PreflightInput } from '../../../../core/preflight/preflight';
import { contents, CountingStorage, examine, facts } from '../../../support/made-scenes';

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
    ['a node tree of an add-on', { held: { addonTrees: ['an_AnimationNodeTree'] } }, ['warning addon-nodes']],
  ])('%s', async (_, given, expected) => {
    expect(await codes(given)).toEqual(expected);
  });
});
