import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { blender, makeScene } from '../support/blender';
import { parseManifest } from '../support/documents';
import { type PlayedFarm, startPlayedFarm } from '../support/played-farm';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { PROJECT_COLOURS, squaresOf, useProject } from '../support/project';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';
import { drop, startFarm } from '../support/watch-folder';

jest.setTimeout(240_000);

const at = useScratchFolder();
const copyProject = useProject();
let farm: PlayedFarm;

/** Folders with the projects of `makeHonest` and `makeTheft`. */
let honest: string;
let theft: string;

beforeAll(async () => {
  farm = await startPlayedFarm();
  honest = await makeHonest();
  theft = await makeTheft();
}, 120_000);
afterAll(async () => {
  for (const folder of [honest, theft]) rmSync(folder, { recursive: true, force: true });
  await farm.stop();
});

const submit = (...args: string[]) =>
  spotreel(['submit', ...args], { environment: farm.environment, cwd: at() });

async function keys(prefix = ''): Promise<string[]> {
  const request = { Bucket: farm.aws.bucket, Prefix: prefix };
  const { Contents = [] } = await farm.aws.client.send(new ListObjectsV2Command(request));
  return Contents.map(({ Key }) => Key!);
}

/** The same scene is stored once, so an earlier test would hide what this one uploads. */
async function emptyUploads(): Promise<void> {
  for (const Key of await keys('uploads/'))
    await farm.aws.client.send(new DeleteObjectCommand({ Bucket: farm.aws.bucket, Key }));
}

const SECRET = '[default]\naws_secret_access_key = wJalrXUtnFEMI\n';

function copyTheft(): string {
  cpSync(theft, at('home'), { recursive: true });
  return at('home/proj/shots/steal.blend');
}

/** A home with keys, and in it a project whose scene asks for them. */
async function makeTheft(): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'spotreel theft '));
  const baked = mkdtempSync(join(tmpdir(), 'spotreel baked '));
  for (const folder of ['.aws', '.ssh', 'proj/shots']) mkdirSync(join(home, folder), { recursive: true });
  writeFileSync(join(home, '.aws/credentials'), SECRET);
  writeFileSync(join(home, '.ssh/id_rsa'), '-----BEGIN OPENSSH PRIVATE KEY-----\n');
  writeFileSync(join(home, '.ssh/stolen.uni'), 'a key');
  await makeScene(
    join(home, 'proj/shots/steal.blend'),
    `
scene.frame_end = 1
def steal(path):
    image = bpy.data.images.new('a', 4, 4)
    image.source = 'FILE'
    image.filepath = path
    nodes = bpy.data.materials['Material'].node_tree
    texture = nodes.nodes.new('ShaderNodeTexImage')
    texture.image = image
    nodes.links.new(texture.outputs[0], nodes.nodes['Principled BSDF'].inputs['Base Color'])
steal('//../../.aws/credentials')
domain = bpy.data.objects['Cube'].modifiers.new('f', 'FLUID')
domain.fluid_type = 'DOMAIN'
domain.domain_settings.cache_type = 'ALL'
domain.domain_settings.resolution_max = 6
domain.domain_settings.cache_frame_end = 1
domain.domain_settings.cache_directory = ${JSON.stringify(baked)}
bpy.context.view_layer.objects.active = bpy.data.objects['Cube']
bpy.ops.fluid.bake_all()
domain.domain_settings.cache_directory = '//../../.ssh/'
`,
  );
  rmSync(baked, { recursive: true });
  return home;
}

const FLAGS = [[[]], [['--yes']], [['--force', '--yes']], [['--project', 'home', '--force']]];

test.each(fewOrAll('uploads', FLAGS, (_, index) => index === 2))(
  'a scene that asks for keys gets none of them into the bucket, with %j',
  async (flags) => {
    const scene = copyTheft();
    await emptyUploads();
    const { exitCode, stderr } = await submit(scene, ...flags);
    const isForced = flags.includes('--force');
    expect(exitCode).toBe(isForced ? 0 : 1);
    for (const path of ['home/.aws/credentials', 'home/.ssh/stolen.uni'])
      expect(stderr).toMatch(
        new RegExp(`${isForced ? 'warning' : 'error'}: upload-refused: .*${path}: ".* is hidden`),
      );
    const uploads = await keys('uploads/');
    expect(uploads.map((key) => basename(key))).toEqual(isForced ? ['steal.blend'] : []);
    for (const key of uploads) expect(await farm.get(key)).not.toContain('wJalrXUtnFEMI');
  },
);

/** The project of the fixtures, with its scene in a folder of its own: `film/shots/shot.blend` needs files beside that. */
function copyHonest(): string {
  cpSync(honest, at('copy'), { recursive: true });
  return at('copy/film/shots/shot.blend');
}

async function makeHonest(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'spotreel honest '));
  copyProject(folder);
  mkdirSync(join(folder, 'film/shots'));
  const move = `
import bpy
for image in bpy.data.images:
    if image.library is None and image.filepath:
        image.filepath = image.filepath.replace('//', '//../', 1)
for library in bpy.data.libraries:
    library.filepath = library.filepath.replace('//', '//../', 1)
bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(join(folder, 'film/shots/shot.blend'))}, relative_remap=False)
`;
  await blender([join(folder, 'film/shot.blend'), '--python-exit-code', '1', '--python-expr', move]);
  return folder;
}

test('submit lists files outside of the scene folder and uploads nothing without consent', async () => {
  const scene = copyHonest();
  const before = await keys('uploads/');
  const { exitCode, stdout, stderr } = await submit(scene);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toContain('the scene needs 7 files');
  for (const path of ['lib/textures/wood.png', 'plates/plate_0001.png', 'tiles/tile.1001.png'])
    expect(stderr).toContain(`  ${at('copy/film', path)} (`);
  expect(stderr).toContain('give --yes, or --project DIR');
  expect(await keys('uploads/')).toEqual(before);
});

const CONSENTS = [
  ['yes', ['--yes']],
  ['project', ['--project', 'copy/film']],
] as const;

if (runsHeavy('uploads'))
  test.each(CONSENTS)(
    'a project with textures beside the scene folder renders with --%s',
    async (name, flags) => {
      const scene = copyHonest();
      const { exitCode, stderr } = await submit(scene, '-n', `Honest-${name}`, '-f', '3', ...flags);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      expect(stderr.includes('the scene needs 7 files')).toBe(name === 'yes');
      const manifest = parseManifest(Buffer.from(await farm.get(`renders/Honest-${name}/manifest.json`)));
      expect(manifest.scenePath).toBe('shots/shot.blend');
      const watched = await spotreel(['watch', `Honest-${name}`, '--farm', 'main', '--no-picture'], {
        environment: farm.environment,
      });
      expect(watched).toMatchObject({ exitCode: 0 });
      await spotreel(['download', `Honest-${name}`, at('got'), '--farm', 'main'], {
        environment: farm.environment,
      });
      for (const frame of [1, 2, 3])
        expect(squaresOf(readFileSync(at(`got/frames/000${frame}.png`)))).toEqual(PROJECT_COLOURS[frame]);
    },
  );

test('submit --project uploads nothing outside of that folder', async () => {
  const scene = copyHonest();
  renameSync(at('copy/film/plates/plate_0001.png'), at('elsewhere.png'));
  symlinkSync(at('elsewhere.png'), at('copy/film/plates/plate_0001.png'));
  const { stderr } = await submit(
    scene,
    '--project',
    'copy/film/shots',
    '--force',
    '--frames',
    '1',
    '-n',
    'Alone',
  );
  expect(stderr).toMatch(/warning: library-missing: .*leads out of the project's folder/);
  expect(stderr).toMatch(/warning: outside-project: image "Tiles" .*leads out of the project's folder/);
  const alone = parseManifest(Buffer.from(await farm.get('renders/Alone/manifest.json')));
  expect(alone).toMatchObject({ scenePath: 'shot.blend', dependencies: [] });
  const linked = await submit(scene, '--project', 'copy/film');
  expect(linked).toMatchObject({ exitCode: 1, stdout: '' });
  expect(linked.stderr).toMatch(
    /image "Plate" needs .*plate_0001\.png, which leads out of the project's folder/,
  );
});

if (runsHeavy('uploads'))
  test('submit refuses a --project folder without the scene', async () => {
    const scene = copyHonest();
    mkdirSync(at('other'));
    const wrong = await submit(scene, '--project', 'other');
    expect(wrong).toMatchObject({ exitCode: 2, stdout: '' });
    expect(wrong.stderr).toContain('--project other does not hold the scene');
  });

if (runsHeavy('uploads'))
  test('submit refuses an empty --project', async () => {
    const scene = copyHonest();
    const before = await keys('uploads/');
    const wrong = await submit(scene, '--project', '');
    expect(wrong).toMatchObject({ exitCode: 2, stdout: '' });
    expect(wrong.stderr).toContain('--project is empty');
    expect(await keys('uploads/')).toEqual(before);
  });

if (runsHeavy('uploads'))
  test('estimate --on-farm needs the same consent', async () => {
    const scene = copyHonest();
    const before = await keys('uploads/');
    const { exitCode, stderr } = await spotreel(['estimate', scene, '--on-farm'], {
      environment: farm.environment,
      cwd: at(),
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('the scene needs 7 files');
    expect(await keys('uploads/')).toEqual(before);
  });

if (runsHeavy('uploads'))
  test('estimate --on-farm --yes uploads no keys', async () => {
    const scene = copyTheft();
    const before = await keys('uploads/');
    const { exitCode, stderr } = await spotreel(['estimate', scene, '--on-farm', '--yes'], {
      environment: farm.environment,
      cwd: at(),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('upload-refused');
    expect(await keys('uploads/')).toEqual(before);
  });

const LEAK = `
image = bpy.data.images.new('a', 4, 4)
image.source = 'FILE'
image.filepath = '//../other/plate.png'
image.use_fake_user = True
`;

test('a scene in the bucket gets no file of another project into its plan', async () => {
  const scene = await makeScene(at('leak.blend'), LEAK);
  const plate = { Bucket: farm.aws.bucket, Key: 'uploads/other/plate.png', Body: 'a plate' };
  await farm.aws.client.send(new PutObjectCommand(plate));
  const key = 'uploads/mine/leak.blend';
  await farm.aws.client.send(
    new PutObjectCommand({ Bucket: farm.aws.bucket, Key: key, Body: readFileSync(scene) }),
  );
  const { exitCode, stderr } = await submit(`s3://${farm.aws.bucket}/${key}`, '-n', 'Leak', '--frames', '1');
  expect(exitCode).toBe(0);
  expect(stderr).toContain('note: outside-project: image "a" needs //../other/plate.png');
  const manifest = parseManifest(Buffer.from(await farm.get('renders/Leak/manifest.json')));
  expect(manifest.dependencies ?? []).toEqual([]);
});

if (runsHeavy('watch-folder'))
  test('a watch folder refuses a scene that is a link or needs a file of another project', async () => {
    const scene = await makeScene(at('leak.blend'), LEAK);
    drop(scene, at('watched'), 'mine/leak.blend', { force: true });
    drop(scene, at('watched'), 'other/plate.png');
    symlinkSync(scene, at('watched/uploads/mine/link.blend'));
    const { finished } = startFarm(at('watched'), ['--once']);
    const { exitCode, stderr } = await finished;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /uploads\/mine\/leak\.blend: refused: .*may read only the files of its project's folder/,
    );
    expect(stderr).toMatch(/uploads\/mine\/link\.blend: refused: .*is a link/);
  });
