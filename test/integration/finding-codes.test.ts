import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SpotreelError } from '../../core/errors';
import type { SceneFacts } from '../../core/scene/blend/facts';
import { FINDING_RULES, type FindingCode } from '../../core/scene/findings/codes';
import { preflight, type PreflightInput } from '../../core/scene/findings/preflight';
import type { FoundDependency } from '../../core/scene/project/dependencies';
import { examineScene, type SceneExamination } from '../../core/scene/project/examine';
import { openStorage } from '../../core/storage/open-storage';
import { FEATURES } from '../pixels/features';
import { blender } from '../support/blender';
import { ROOT } from '../support/source-files';

jest.setTimeout(120_000);

const folder = mkdtempSync(join(tmpdir(), 'spotreel-findings-'));
const at = (...names: string[]): string => join(folder, ...names);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How a code is raised: by a scene that Blender made, rendered with other input, or with what is changed of its examination. */
interface Raised {
  readonly scene: string;
  readonly input?: Partial<PreflightInput>;
  readonly change?: (found: SceneExamination) => SceneExamination;
}

const withFacts =
  (changed: Partial<SceneFacts>) =>
  ({ facts, ...rest }: SceneExamination): SceneExamination => ({
    ...rest,
    facts: { ...facts, scenes: facts.scenes.map((scene) => ({ ...scene, ...changed })) },
  });

const withFirst =
  (changed: (first: FoundDependency) => FoundDependency) =>
  ({ project, ...rest }: SceneExamination): SceneExamination => {
    const [first, ...others] = project.dependencies;
    return { ...rest, project: { ...project, dependencies: [changed(first!), ...others] } };
  };

const gone = (kind: FoundDependency['dependency']['kind']) =>
  withFirst((first) => ({ ...first, state: 'missing', dependency: { ...first.dependency, kind } }));

const placeFault = (code: FindingCode): Raised => ({
  scene: 'plain',
  input: { placeFaults: [new SpotreelError(code, 'usage', 'as targetFaults says')] },
});

const RAISED: Partial<Record<FindingCode, Raised>> = {
  'no-such-scene': { scene: 'plain', input: { options: { scene: 'Nowhere' } } },
  'scene-unread': {
    scene: 'plain',
    change: ({ facts, ...rest }) => ({ ...rest, facts: { ...facts, scenes: [], incomplete: true } }),
  },
  'no-camera': { scene: 'plain', change: withFacts({ hasCamera: false }) },
  'no-such-camera': { scene: 'plain', input: { options: { camera: 'Missing' } } },
  'bad-step': { scene: 'plain', change: withFacts({ frameStep: 0 }) },
  'empty-range': { scene: 'plain', change: withFacts({ frameStart: 9, frameEnd: 5 }) },
  'absurd-range': { scene: 'plain', change: withFacts({ frameStart: -2_000_000_000, frameEnd: 5 }) },
  'bad-frame-range': { scene: 'plain', input: { options: { frames: '5-1' } } },
  'bad-frame-rate': { scene: 'plain', change: withFacts({ fpsBase: 0 }) },
  'bad-resolution': { scene: 'plain', change: withFacts({ width: 0 }) },
  'blender-too-old': placeFault('blender-too-old'),
  'no-gpu': placeFault('no-gpu'),
  'scripts-refused': placeFault('scripts-refused'),
  'scripts-unconfined': placeFault('scripts-unconfined'),
  'bad-path': { scene: 'plain', change: (found) => ({ ...found, scenePath: 'film/a\u0001.blend' }) },
  'library-unreadable': { scene: 'linked' },
  'outside-upload': { scene: 'absolute', change: withFirst((first) => ({ ...first, state: 'forbidden' })) },
  'too-many-files': {
    scene: 'absolute',
    change: withFirst((first) => ({
      ...first,
      files: Array.from({ length: 20_001 }, (_, index) => ({ ...first.files[0]!, path: `${index}.png` })),
    })),
  },
  'movie-clip-missing': { scene: 'clip' },
  'fluid-cache-missing': { scene: 'clip', change: gone('fluid-cache') },
  'ocean-cache-missing': { scene: 'clip', change: gone('ocean-cache') },
  'cache-file-missing': { scene: 'clip', change: gone('cache-file') },
  'ocio-missing': { scene: 'clip', change: gone('ocio') },
  'ocio-too-new': {
    scene: 'plain',
    change: (found) => ({
      ...found,
      colorConfig: { location: 'ocio://default', dependencies: [], files: new Map() },
    }),
    input: { blender: { major: 3, minor: 4 } },
  },
  'import-missing': { scene: 'clip', change: gone('import') },
  'custom-data-missing': { scene: 'multires' },
  'osl-missing': { scene: 'osl' },
  'osl-scripts': { scene: 'osl' },
  'scripts-run': { scene: 'osl', input: { options: { allowScripts: true } } },
  'letter-case': { scene: 'letter-case' },
  'absolute-path': { scene: 'absolute', input: { place: 'farm' } },
  'absolute-path-found': { scene: 'absolute' },
  'network-path': { scene: 'network' },
  'unanchored-path': { scene: 'unanchored' },
  'files-unread': {
    scene: 'plain',
    change: ({ project, ...rest }) => ({ ...rest, project: { ...project, isCut: true } }),
  },
  'contents-incomplete': {
    scene: 'plain',
    change: ({ contents, ...rest }) => ({
      ...rest,
      contents: { ...contents, incomplete: true, limit: '9 MiB' },
    }),
  },
  'engine-needs-display': { scene: 'eevee', input: { hasDisplay: false } },
  'engine-gone': { scene: 'plain', change: withFacts({ engine: 'BLENDER_GAME' }) },
  'denoiser-missing': {
    scene: 'plain',
    change: withFacts({ denoises: true }),
    input: { hasDenoiser: false },
  },
  'denoise-nodes-off': { scene: 'denoise-node', input: { hasDenoiser: false } },
  'addon-nodes': { scene: 'addon-tree' },
  'file-output': {
    scene: 'plain',
    change: ({ contents, ...rest }) => ({
      ...rest,
      contents: { ...contents, fileOutputs: [{ path: '//x/' }] },
    }),
  },
  'marker-cameras': { scene: 'markers' },
  'stereo-one-view': { scene: 'stereo' },
  'movie-output': { scene: 'movie' },
  'hdr-video': { scene: 'plain', change: withFacts({ display: 'Rec.2100-PQ', bitDepth: 16 }) },
  'hdr-depth': {
    scene: 'plain',
    change: withFacts({ display: 'Rec.2100-PQ', bitDepth: 8 }),
    input: { options: { video: 'hevc' } },
  },
  'format-not-kept': { scene: 'plain', change: withFacts({ outputFormat: 'RADIANCE_3' }) },
  'more-findings': {
    scene: 'plain',
    change: ({ contents, ...rest }) => ({
      ...rest,
      contents: {
        ...contents,
        addonTrees: [],
        fileOutputs: Array.from({ length: 501 }, (_, i) => ({ path: `//${i}/` })),
      },
    }),
  },
};

beforeAll(async () => {
  const script = join(ROOT, 'test/fixtures/findings/make.py');
  mkdirSync(at('elsewhere'), { recursive: true });
  await blender(['--factory-startup', '--python-exit-code', '1', '--python', script, '--', at()]);
  for (const name of ['wood.png', 'elsewhere/wood.png']) writeFileSync(at(name), PICTURE);
});

/** A whole PNG of one pixel. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

test.each(Object.entries(RAISED))('a scene raises %s', async (code, { scene, input, change }) => {
  const file = at(`${scene}.blend`);
  const found = await examineScene(pathToFileURL(file), undefined, openStorage());
  const { findings } = preflight(change ? change(found) : found, {
    file,
    options: {},
    place: 'here',
    hasDisplay: true,
    ...input,
  });
  expect(findings.map((one) => one.code)).toContain(code);
});

test('the plain scene raises nothing', async () => {
  const file = at('plain.blend');
  const found = await examineScene(pathToFileURL(file), undefined, openStorage());
  const { findings } = preflight(found, { file, options: {}, place: 'here', hasDisplay: true });
  expect(findings).toEqual([]);
});

/** Codes whose scenes Blender renders in another test, which holds the finding against what comes out. */
const ELSEWHERE: Partial<Record<FindingCode, string>> = {
  'upload-refused': 'submit-reach',
  'sound-missing': 'sound',
  'sound-left-out': 'sound',
  speakers: 'sound',
  'outside-project': 'submit-reach',
  'unbaked-simulation': 'project',
  'scripts-off': 'scripts',
  'drivers-off': 'scripts',
  'freestyle-scripts': 'scripts',
  'freestyle-names': 'scripts',
};

test.each(Object.entries(ELSEWHERE))('another test raises %s', (code, name) => {
  expect(readFileSync(join(__dirname, `${name}.test.ts`), 'utf8')).toContain(code);
});

test('every code of the preflight has a scene that raises it', () => {
  const inPixels = FEATURES.flatMap(({ expect: wanted }) => ('code' in wanted ? [wanted.code] : []));
  const raised = new Set([...Object.keys(RAISED), ...Object.keys(ELSEWHERE), ...inPixels]);
  expect(Object.keys(FINDING_RULES).filter((code) => !raised.has(code))).toEqual([]);
});
