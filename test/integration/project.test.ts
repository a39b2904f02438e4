import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { PNG } from 'pngjs';
import { blender, makeScene } from '../support/blender';
import {
  MISSING_COLOUR,
  PROJECT_COLOURS,
  PROJECT_FILES,
  squaresInFile,
  useProject,
} from '../support/project';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { startRecordingProxy, type RecordingProxy } from '../support/recording-proxy';
import { frameFiles, manifestOf, onlyRender } from '../support/render-folder';
import { startS3Emulator, type S3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();
const copyProject = useProject();
const FRAMES = Object.keys(PROJECT_COLOURS).map(Number);

const render = (scene: string, ...flags: string[]) => spotreel(['render', scene, '-o', at('out'), ...flags]);
const findings = (stderr: string) =>
  stderr.split('\n').filter((line) => /^(error|warning|note): /.test(line));

function expectColours(folder: string): void {
  for (const frame of FRAMES) {
    const colours = squaresInFile(join(folder, 'frames', `000${frame}.png`));
    expect({ frame, colours }).toEqual({ frame, colours: PROJECT_COLOURS[frame] });
  }
}

test('a copied project renders with its library, texture, image sequence and tiles', async () => {
  copyProject(at('a copy'));
  const { exitCode, stderr } = await render(at('a copy/film/shot.blend'));
  expect({ exitCode, findings: findings(stderr) }).toEqual({ exitCode: 0, findings: [] });
  expectColours(onlyRender(at('out')));
  const { dependencies = [] } = manifestOf(onlyRender(at('out')));
  expect(dependencies.map(({ url }) => url).toSorted()).toEqual(
    PROJECT_FILES.map((path) => at('a copy', path)),
  );
});

/** An error and a warning. */
const USUAL = /plate_0001/;

test.each(fewOrAll('pixels', PROJECT_FILES, (path) => USUAL.test(path)))(
  'a missing %s is reported alone, with a fix',
  async (path) => {
    copyProject(at('copy'));
    rmSync(at('copy', path));
    const { exitCode, stdout } = await spotreel(['inspect', at('copy/film/shot.blend'), '--json']);
    expect(exitCode).toBe(0);
    const told: Array<{ severity: string; code: string; message: string }> = JSON.parse(stdout).findings;
    const isLibrary = path.endsWith('.blend');
    // Which pictures of a sequence or tiles a frame needs, the worker finds out.
    const isOneOfSeveral = /plates|tiles/.test(path);
    expect(told).toMatchObject([
      {
        severity: isOneOfSeveral ? 'warning' : 'error',
        code: isLibrary ? 'library-missing' : 'image-missing',
      },
    ]);
    const [, needed] = told[0]!.message.split(' needs ');
    expect(PROJECT_FILES.filter((one) => needed!.includes(at('copy', one)))).toEqual([path]);
    expect(needed).toContain(isLibrary ? 'Relocate' : 'Find Missing Files');
  },
);

if (runsHeavy('commands'))
  test('a scene without its library renders only with --force', async () => {
    copyProject(at('copy'));
    rmSync(at('copy/film/lib/props.blend'));
    const refused = await render(at('copy/film/shot.blend'));
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain(at('copy/film/lib/props.blend'));
    const forced = await render(at('copy/film/shot.blend'), '--force', '--frames', '2');
    expect(forced.exitCode).toBe(0);
    expect(findings(forced.stderr)).toEqual([expect.stringMatching(/^warning: library-missing: /)]);
    const [, ...others] = squaresInFile(join(onlyRender(at('out')), 'frames/0002.png'));
    expect(others).toEqual(PROJECT_COLOURS[2]!.slice(1));
  });

test('several errors are reported together, each in its own line', async () => {
  copyProject(at('copy'));
  rmSync(at('copy/film/lib/props.blend'));
  const { exitCode, stdout, stderr } = await render(at('copy/film/shot.blend'), '--scene', 'Nope');
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/^error: no-such-scene: there is no scene "Nope"/),
    expect.stringMatching(/^error: library-missing: library "props.blend" needs /),
    `spotreel: 2 errors in ${at('copy/film/shot.blend')}`,
  ]);
  expect(existsSync(at('out'))).toBe(false);
});

if (runsHeavy('commands'))
  test('a scene without a texture renders pink only with --force', async () => {
    copyProject(at('copy'));
    const texture = at('copy/film/lib/textures/wood.png');
    const bytes = readFileSync(texture);
    rmSync(texture);
    const command = [at('copy/film/shot.blend'), '--frames', '1'] as const;
    const refused = await render(...command);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain(texture);
    expect(refused.stderr).toMatch(/ needs .*wood.png, which is missing \(.*--force renders without it/);
    expect(existsSync(at('out'))).toBe(false);
    expect((await render(...command, '--force')).exitCode).toBe(0);
    expect(squaresInFile(join(onlyRender(at('out')), 'frames/0001.png'))[0]).toBe(MISSING_COLOUR);
    rmSync(at('out'), { recursive: true });
    writeFileSync(texture, bytes);
    const mended = await render(...command);
    expect({ exitCode: mended.exitCode, findings: findings(mended.stderr) }).toEqual({
      exitCode: 0,
      findings: [],
    });
    expect(squaresInFile(join(onlyRender(at('out')), 'frames/0001.png'))[0]).toBe('ff0000');
  });

if (runsHeavy('commands'))
  test('a sequence without one picture fails only the frames that show it', async () => {
    copyProject(at('copy'));
    rmSync(at('copy/film/plates/plate_0002.png'));
    const { exitCode, stderr } = await render(at('copy/film/shot.blend'), '--frames', '1-3');
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(
      /frame 2 is missing; the video shows frame 1 instead\nframe 2 needs .*plates\/plate_0002.png, which is missing/,
    );
    expect(readdirSync(join(onlyRender(at('out')), 'frames'))).toEqual(['0001.png', '0003.png']);
  });

if (runsHeavy('pixels'))
  test('Blender reports a missing tile, too', async () => {
    copyProject(at('copy'));
    rmSync(at('copy/film/tiles/tile.1002.png'));
    const { exitCode, stderr } = await render(at('copy/film/shot.blend'), '--frames', '1');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/frame 1 needs .*tile.1002.png, which is missing/);
  });

/** A shower of balls out of the default cube. */
const RAIN = `
cube = bpy.data.objects['Cube']
cube.modifiers.new('Rain', 'PARTICLE_SYSTEM')
rain = cube.particle_systems[0].settings
rain.frame_end, rain.particle_size, rain.render_type = 6, 0.3, 'OBJECT'
scene.gravity = (0, 0, -100)
bpy.ops.mesh.primitive_ico_sphere_add(location=(0, 0, 50))
rain.instance_object = bpy.context.object
`;

if (runsHeavy('pixels'))
  test('an unbaked simulation renders in one slice as in Blender, with the reason', async () => {
    const scene = await makeScene(at('rain.blend'), RAIN);
    const { exitCode, stderr } = await render(scene, '-f', '1');
    expect(exitCode).toBe(0);
    expect(findings(stderr)).toEqual([
      expect.stringMatching(/^warning: unbaked-simulation: .*"Rain".* in one slice/),
    ]);
    const folder = onlyRender(at('out'));
    expect(manifestOf(folder)).toMatchObject({ sliceCount: 1, framesPerSlice: 6 });
    await blender(['--factory-startup', scene, '-o', at('blender/####'), '-F', 'PNG', '-a']);
    const pixels = (path: string) => PNG.sync.read(readFileSync(path)).data.toString('hex');
    for (const name of frameFiles(folder)) {
      expect(pixels(join(folder, 'frames', name))).toBe(pixels(at('blender', name)));
    }
    expect(new Set(frameFiles(folder).map((name) => pixels(at('blender', name)))).size).toBe(6);
  });

describe('in a bucket', () => {
  let aws: S3Emulator;
  let proxy: RecordingProxy;
  let environment: NodeJS.ProcessEnv;
  beforeAll(async () => {
    aws = await startS3Emulator();
    proxy = await startRecordingProxy(aws.endpoint);
    environment = {
      AWS_ENDPOINT_URL: proxy.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    };
  });
  afterAll(async () => {
    await proxy.stop();
    await aws.stop();
  });

  test('two concurrent children fetch each file once and render correctly', async () => {
    copyProject(at('copy'));
    for (const path of ['film/shot.blend', ...PROJECT_FILES]) {
      const object = { Bucket: aws.bucket, Key: `uploads/${path}`, Body: readFileSync(at('copy', path)) };
      await aws.client.send(new PutObjectCommand(object));
    }
    const scene = `s3://${aws.bucket}/uploads/film/shot.blend`;
    const flags = ['-o', at('out'), '--parallel', '2', '--frames', '1-3', '-f', '2'];
    const { exitCode, stderr } = await spotreel(['render', scene, ...flags], { environment });
    expect({ exitCode, findings: findings(stderr) }).toEqual({ exitCode: 0, findings: [] });
    expectColours(onlyRender(at('out')));

    const fetched = proxy.requests
      .filter(({ method, path, range }) => method === 'GET' && range === undefined && !path.endsWith('/'))
      .map(({ path }) => path.slice(`/${aws.bucket}/uploads/`.length));
    expect(fetched.toSorted()).toEqual(['film/shot.blend', ...PROJECT_FILES].toSorted());
    expect(readdirSync(join(onlyRender(at('out')), '.batch'))).not.toContain('cache');
  });
});
