import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WORKER_UID } from '../../lib/constructs/machines';
import { runsHeavy } from '../support/heavy';
import {
  type BlenderMirror,
  MIRRORED_VERSION,
  type MirrorOptions,
  startBlenderMirror,
} from './blender-mirror';
import { Podman } from './podman';
import { standInBase } from './stand-in-base';
import { type BuiltImage, distContext, tryBuild, workerImage } from './worker-image';

// Two minutes on a machine that has not built it yet.
jest.setTimeout(600_000);

let podman: Podman;
let image: BuiltImage;

beforeAll(async () => {
  podman = new Podman();
  image = await workerImage(podman, 'bookworm');
});

/** Runs a program in the image, by default as the image's user, and gives its output. */
async function inImage(program: string, args: readonly string[] = [], user?: string): Promise<string> {
  const run = ['run', '--rm', '--no-healthcheck', '--read-only', ...(user ? ['--user', user] : [])];
  const { stdout } = await podman.try([...run, '--entrypoint', program, image.id, ...args]);
  return stdout.trim();
}

test('a new worker changes only the last layer of the image', async () => {
  const context = distContext();
  appendFileSync(join(context, 'worker.js'), '// changed\n');
  const changed = await workerImage(podman, 'bookworm', context);
  expect(changed.layers.slice(0, -1)).toEqual(image.layers.slice(0, -1));
  expect(changed.layers.at(-1)).not.toBe(image.layers.at(-1));
});

test('the image has labels and no health check', async () => {
  const [{ Config: config, Healthcheck: check }] = JSON.parse(await podman.run('image', 'inspect', image.id));
  expect(config).toMatchObject({
    User: `${WORKER_UID}:${WORKER_UID}`,
    Entrypoint: ['node', '/opt/spotreel/worker.js'],
    Volumes: { '/scratch': {} },
    Labels: { 'org.opencontainers.image.version': '3.4.1' },
  });
  expect(config.Env).toContain('NVIDIA_DRIVER_CAPABILITIES=compute,graphics,utility');
  expect(check).toEqual({ Test: ['NONE'] });
});

test('the image has no setuid program and no file that the worker may change', async () => {
  const root = [
    '/',
    '-xdev',
    '(',
    '-path',
    '/proc',
    '-o',
    '-path',
    '/sys',
    '-o',
    '-path',
    '/dev',
    ')',
    '-prune',
  ];
  expect(await inImage('find', [...root, '-o', '-type', 'f', '-perm', '/6000', '-print'], '0')).toBe('');
  const writable = await inImage('find', [...root, '-o', '!', '-type', 'l', '-perm', '/0002', '-print'], '0');
  expect(writable.split('\n').toSorted()).toEqual(['/tmp', '/var/tmp']);
  const own = await inImage('find', [...root, '-o', '-user', String(WORKER_UID), '-print'], '0');
  expect(own).toBe('/scratch');
});

test('the image has Blender, ffmpeg and Node, but not the programs that fetched them', async () => {
  expect(await inImage('blender', ['--version'])).toMatch(/^Blender 3\.4\.1$/m);
  expect(await inImage('ffmpeg', ['-version'])).toMatch(/--enable-libx264/);
  expect(await inImage('node', ['--version'])).toBe(process.version);
  expect(await inImage('find', ['/usr/bin', '-name', 'curl', '-o', '-name', 'xz'])).toBe('');
});

(runsHeavy('images') ? describe : describe.skip)('an archive of the Blender project', () => {
  let mirror: BlenderMirror | undefined;
  afterEach(() => mirror?.stop());

  /** Builds from a mirror of this machine; the base is Debian 13, as the real one's is. */
  async function buildFrom(options: MirrorOptions, target: string, more: Record<string, string> = {}) {
    mirror = await startBlenderMirror(options);
    const context = distContext();
    const build = {
      BASE_IMAGE: await standInBase(podman, 'trixie'),
      BLENDER_VERSION: MIRRORED_VERSION,
      BLENDER_MIRROR: mirror.url,
      ...more,
    };
    const result = await tryBuild(podman, context, build, { target });
    rmSync(context, { recursive: true, force: true });
    return result;
  }

  test('whose hash the publisher lists is what the image runs', async () => {
    const built = await buildFrom({}, 'worker');
    expect(built).toMatchObject({ exitCode: 0 });
    const id = built.stdout.trim().split('\n').at(-1)!;
    const said = await podman.run(
      ...['run', '--rm', '--no-healthcheck', '--entrypoint', '/usr/local/bin/blender', id, '--version'],
    );
    expect(said).toBe('Blender 9.9.9');
  });

  test.each<[string, MirrorOptions['list'], RegExp]>([
    [
      'is another than the list’s',
      () => `${'1'.repeat(64)}  blender-9.9.9-linux-x64.tar.xz\n`,
      /did NOT match/,
    ],
    ['the list lacks', (hash) => `${hash}  blender-9.9.9-macos-arm64.dmg\n`, /no file was verified/],
    [
      'the list garbles',
      (hash) => `${hash.slice(1)}  blender-9.9.9-linux-x64.tar.xz\n`,
      /no properly formatted/,
    ],
  ])('whose hash %s makes no image', async (_, list, words) => {
    const built = await buildFrom({ ...(list && { list }) }, 'download');
    expect(built.exitCode).not.toBe(0);
    expect(built.stdout + built.stderr).toMatch(words);
  });

  test('that is another than the pinned one makes no image, though the publisher lists it', async () => {
    const built = await buildFrom({}, 'download', { BLENDER_SHA256: '2'.repeat(64) });
    expect(built.exitCode).not.toBe(0);
    expect(built.stdout + built.stderr).toMatch(/did NOT match/);
  });

  test('that holds another version than its name says makes no image', async () => {
    const built = await buildFrom({ says: '9.9.90' }, 'worker');
    expect(built.exitCode).not.toBe(0);
    expect(built.stdout + built.stderr).toMatch(/blender --version/);
  });
});
