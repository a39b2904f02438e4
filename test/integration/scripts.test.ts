import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { EXIT } from '../../core/jobs/worker';
import { type Finding, findingSchema } from '../../core/render/manifest';
import { blender, makeScene } from '../support/blender';
import { installFakeBlender } from '../support/fake-blender';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { comparePictures } from '../support/compare-pictures';
import { ALLOW_SCRIPTS, payloadScene } from '../support/payload-scene';
import { manifestOf, onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import {
  BYPASSES,
  editorScene,
  OTHER_SCRIPTS,
  RAN,
  scriptsInLibrary,
  WITHOUT_MODULES,
} from '../support/script-scenes';
import { spotreel, worker } from '../support/spotreel';

jest.setTimeout(240_000);

const at = useScratchFolder();

const render = (scene: string, flags: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) =>
  spotreel(['render', scene, '-o', at('out'), '--frames', '1', '--video', 'none', ...flags], { environment });

/** All that the workers of the only render wrote. */
function logOf(folder: string): string {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.log'),
  );
  expect(paths.length).toBeGreaterThan(0);
  return paths.map((path) => readFileSync(join(folder, path), 'utf8')).join('\n');
}

/** Whether the scripts of the scene ran. */
const hasRun = (folder: string): boolean => logOf(folder).includes(RAN);

const frameOf = (folder: string): Buffer => readFileSync(join(folder, 'frames/0001.png'));

/** Frame 1 as plain Blender renders it after `python`. */
async function plainFrame(scene: string, python: string): Promise<Buffer> {
  const [frame] = await plainFrames(scene, python);
  return frame!;
}

/** Frame 1 as plain Blender renders it after each of `pythons`, which follow each other. */
async function plainFrames(scene: string, ...pythons: string[]): Promise<Buffer[]> {
  const steps = pythons.flatMap((python, i) => [
    '--python-expr',
    python,
    '-o',
    at(`own-${i}-####`),
    '-f',
    '1',
  ]);
  await blender(['-Y', scene, ...steps]);
  return pythons.map((_, i) => readFileSync(at(`own-${i}-0001.png`)));
}

const findingsSchema = z.object({ findings: z.array(findingSchema) });

const codesOf = (findings: readonly Finding[]): string[] =>
  findings.map(({ code, severity }) => `${severity} ${code}`);

async function inspected(scene: string, ...flags: string[]) {
  const { exitCode, stdout } = await spotreel(['inspect', scene, '--json', ...flags]);
  expect(exitCode).toBe(0);
  return findingsSchema.parse(JSON.parse(stdout)).findings;
}

const USUAL = 'a Freestyle style module';
const TRIED = fewOrAll('scripts', Object.entries(BYPASSES), ([name]) => name === USUAL);

describe.each(TRIED)('%s', (name, make) => {
  const code = name.startsWith('the name') ? 'freestyle-names' : 'freestyle-scripts';

  test("is reported and leaves the picture as Blender's without it", async () => {
    const scene = await make(at('shot.blend'));
    const { exitCode, stderr } = await render(scene);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).toContain(`warning: ${code}: `);
    const folder = onlyRender(at('out'));
    expect(hasRun(folder)).toBe(false);
    expect(logOf(folder)).toContain('Spotreel: scripts are off: ');
    expect(comparePictures(await plainFrame(scene, WITHOUT_MODULES), frameOf(folder))).toEqual({
      mean: 0,
      max: 0,
    });
    // The scene is as hostile as it is meant to be: Blender 3.4 runs it though scripts are off. A name makes it crash afterwards.
    const own = await blender(['-Y', scene, '-o', at('hostile-####'), '-f', '1']).catch(
      ({ stdout }) => stdout,
    );
    expect(own).toContain(RAN);
  });

  // A name makes Blender 3.4 crash before it has written what was printed.
  if (code === 'freestyle-names') return;
  if (runsHeavy('scripts'))
    test('runs with --allow-scripts', async () => {
      const scene = await make(at('shot.blend'));
      const { stderr } = await render(scene, ALLOW_SCRIPTS);
      expect(stderr).toContain('warning: scripts-run: ');
      expect(hasRun(onlyRender(at('out')))).toBe(true);
    });
});

if (runsHeavy('scripts'))
  test('texts with names of modules are not imported', async () => {
    const names = [
      'json',
      'numpy',
      'missing_files',
      'scripts_off',
      '_cycles',
      'parameter_editor',
      'sitecustomize',
    ];
    const lines = names.map(
      (name) => `bpy.data.texts.new('${name}.py').write("print('HOSTILE SCRIPT' + ' RAN', flush=True)")`,
    );
    const scene = await makeScene(at('shot.blend'), lines.join('\n'));
    // Neither are files beside the scene, where Blender is started.
    for (const name of names)
      writeFileSync(at(`${name}.py`), "print('HOSTILE SCRIPT' + ' RAN', flush=True)\n");
    const args = ['render', scene, '-o', at('out'), '--frames', '1', '--video', 'none'];
    expect(await spotreel(args, { cwd: at(), environment: { PYTHONPATH: at() } })).toMatchObject({
      exitCode: 0,
    });
    expect(hasRun(onlyRender(at('out')))).toBe(false);
  });

if (runsHeavy('scripts'))
  test('Freestyle lines of the parameter editor look as in Blender', async () => {
    const scene = await editorScene(at('shot.blend'));
    const { exitCode, stderr } = await render(scene);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).not.toContain('freestyle');
    const folder = onlyRender(at('out'));
    expect(logOf(folder)).not.toContain('scripts are off');
    const noLines = 'import bpy; bpy.context.scene.render.use_freestyle = False';
    const [plain, without] = await plainFrames(scene, 'pass', noLines);
    expect(comparePictures(plain!, frameOf(folder))).toEqual({ mean: 0, max: 0 });
    expect(comparePictures(without!, frameOf(folder)).max).toBeGreaterThan(0);
  });

const OTHER_CODES = ['warning scripts-off', 'warning drivers-off', 'warning osl-scripts'];

const HOLDERS = [
  ['the scene', (path: string) => makeScene(path, OTHER_SCRIPTS), ''],
  ['a linked library', scriptsInLibrary, ' of library '],
] as const;

test.each(fewOrAll('scripts', HOLDERS, ([name]) => name === 'the scene'))(
  'registered texts, drivers and Script nodes of %s are reported',
  async (_, make, words) => {
    const scene = await make(at('shot.blend'));
    const off = await inspected(scene);
    expect(codesOf(off)).toEqual(OTHER_CODES);
    for (const { message } of off) {
      expect(message).toContain(words);
      expect(message).toContain('--allow-scripts');
    }
    const allowed = await inspected(scene, ...ALLOW_SCRIPTS);
    expect(codesOf(allowed)).toEqual(['warning scripts-run']);
  },
);

test('a registered text runs only with --allow-scripts', async () => {
  const scene = await makeScene(at('shot.blend'), OTHER_SCRIPTS);
  expect(await render(scene)).toMatchObject({ exitCode: 0 });
  expect(hasRun(onlyRender(at('out')))).toBe(false);
  // Scripts change pictures: it is another render.
  expect(await render(scene, [...ALLOW_SCRIPTS, '--name', 'allowed'])).toMatchObject({ exitCode: 0 });
  expect(hasRun(at('out/allowed'))).toBe(true);
  expect(manifestOf(at('out/allowed')).options).toMatchObject({ allowScripts: true });
});

/** Python that says what it may do outside the sandbox. */
const probe = (path: string): string => `
import socket
def attempt(name, deed):
    try:
        deed()
        print('PROBE', name, 'done', flush=True)
    except OSError as error:
        print('PROBE', name, 'refused', flush=True)
attempt('write', lambda: open(${JSON.stringify(path)}, 'w'))
attempt('network', lambda: socket.socket(socket.AF_INET))
`;

if (runsHeavy('scripts'))
  test('allowed scripts run in the sandbox', async () => {
    mkdirSync(at('loot'));
    const scene = await payloadScene(at('shot.blend'), probe(at('loot/file')), 1);
    await render(scene, ALLOW_SCRIPTS);
    const log = logOf(onlyRender(at('out')));
    expect(log).toContain('PROBE write refused');
    expect(log).toContain('PROBE network refused');
  });

if (runsHeavy('scripts'))
  test('allowed scripts without a sandbox cause a warning', async () => {
    const scene = await makeScene(at('shot.blend'));
    const fake = installFakeBlender(at('blender'), { width: 64, height: 48 });
    const off = { ...fake, SPOTREEL_SANDBOX: 'off' };
    const { stderr } = await render(scene, ALLOW_SCRIPTS, off);
    expect(stderr).toContain('warning: scripts-unconfined: scripts of this scene run with all your rights');
    expect((await render(scene, [], off)).stderr).not.toContain('scripts-unconfined');
  });

test('the worker refuses scripts that only the manifest allows', async () => {
  const scene = await payloadScene(at('shot.blend'), "print('HOSTILE SCRIPT' + ' RAN')", 1);
  // Only its plan is used.
  await render(scene, ['--name', 'shot'], installFakeBlender(at('blender'), { width: 64, height: 48 }));
  const folder = at('out/shot');
  const manifest = manifestOf(folder);
  const planted = { ...manifest, options: { ...manifest.options, allowScripts: true } };
  mkdirSync(at('planted'));
  writeFileSync(at('planted/manifest.json'), JSON.stringify(planted));
  const args = ['render', '-i', scene, '-o', at('planted'), '-f', '1', '-t', '1'];
  const refused = await worker(args, { environment: { SPOTREEL_ALLOW_SCRIPTS: '0' } });
  expect(refused.exitCode).toBe(EXIT.usage.code);
  expect(refused.stdout).toContain('scripts-refused');
  expect(refused.stdout).not.toContain(RAN);
  // A worker whose job definition allows them runs them.
  const allowed = await worker(args, { environment: { SPOTREEL_ALLOW_SCRIPTS: '1' } });
  expect(allowed.stdout).toContain(RAN);
});

if (runsHeavy('scripts'))
  test('a retry of a render keeps --allow-scripts', async () => {
    const scene = await makeScene(at('shot.blend'), OTHER_SCRIPTS);
    await render(scene, [...ALLOW_SCRIPTS, '--name', 'shot']);
    const frame = at('out/shot/frames/0001.png');
    rmSync(frame);
    const before = logOf(at('out/shot')).split(RAN).length;
    await spotreel(['retry', 'shot', '-o', at('out')]);
    expect(existsSync(frame)).toBe(true);
    expect(logOf(at('out/shot')).split(RAN).length).toBeGreaterThan(before);
  });
