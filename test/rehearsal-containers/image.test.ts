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
import { Docker } from './docker';
import { standInBase } from './stand-in-base';
import { type BuiltImage, distContext, tryBuild, workerImage } from './worker-image';

// Two minutes on an idle machine that has not built it yet.
jest.setTimeout(900_000);

let docker: Docker;
let image: BuiltImage;

beforeAll(async () => {
  docker = await Docker.start();
  image = await workerImage(docker, 'bookworm');
});
afterAll(() => docker?.stop());

/** Runs a program in the image, by default as the image's user, and gives its output. */
async function inImage(program: string, args: readonly string[] = [], user?: string): Promise<string> {
  const run = ['run', '--rm', '--read-only', ...(user ? ['--user', user] : [])];
  const { stdout } = await docker.try([...run, '--entrypoint', program, image.id, ...args]);
  return stdout.trim();
}

test('a new worker changes only the last layer of the image', async () => {
  const context = distContext();
  appendFileSync(join(context, 'worker.js'), '// changed\n');
  const changed = await workerImage(docker, 'bookworm', context);
  expect(changed.layers.slice(0, -1)).toEqual(image.layers.slice(0, -1));
  expect(changed.layers.at(-1)).not.toBe(image.layers.at(-1));
});

test('the image has labels and no health check', async () => {
  const [{ Config: config }] = JSON.parse(await docker.run('image', 'inspect', image.id));
  expect(config).toMatchObject({
    User: `${WORKER_UID}:${WORKER_UID}`,
    Entrypoint: ['node', '/opt/spotreel/worker.js'],
    Volumes: { '/scratch': {} },
    Labels: { 'org.opencontainers.image.version': '3.4.1' },
  });
  expect(config.Env).toContain('NVIDIA_DRIVER_CAPABILITIES=compute,graphics,utility');
  expect(config.Healthcheck).toEqual({ Test: ['NONE'] });
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
  // Debian's own. A job's root is read-only.
  expect(writable.split('\n').toSorted()).toEqual(['/run/lock', '/tmp', '/var/tmp']);
  const own = await inImage('find', [...root, '-o', '-user', String(WORKER_UID), '-print'], '0');
  expect(own).toBe('/scratch');
});

test('the image has Blender, ffmpeg and Node, but not the programs that fetched them', async () => {
  expect(await inImage('blender', ['--version'])).toMatch(/^Blender 3\.4\.1$/m);
  expect(await inImage('ffmpeg', ['-version'])).toMatch(/--enable-libx264/);
  expect(await inImage('node', ['--version'])).toBe(process.version);
  expect(await inImage('find', ['/usr/bin', '-name', 'curl', '-o', '-name', 'xz'])).toBe('');
});

test('Docker gives a volume of a job the owner and mode of /scratch in the image', async () => {
  const volume = 'spotreel-owner';
  await docker.run('volume', 'create', volume);
  const run = ['run', '--rm', '--read-only', '--volume', `${volume}:/scratch`];
  const facts = await docker.run(
    ...run,
    '--entrypoint',
    'stat',
    image.id,
    '--format',
    '%u:%g %a',
    '/scratch',
  );
  expect(facts).toBe(`${WORKER_UID}:${WORKER_UID} 700`);
  await docker.run(...run, '--entrypoint', 'touch', image.id, '/scratch/file');
  // As the ECS agent does it once the container is gone.
  await docker.run('volume', 'rm', volume);
  expect(await docker.run('volume', 'ls', '--quiet', '--filter', `name=${volume}`)).toBe('');
});

test('the image runs under Docker’s default seccomp profile', async () => {
  const facts: unknown = JSON.parse(await docker.run('info', '--format', '{{json .SecurityOptions}}'));
  expect(facts).toContain('name=seccomp,profile=default');
  expect(await inImage('grep', ['Seccomp:', '/proc/self/status'])).toMatch(/^Seccomp:\s+2$/);
});

(runsHeavy('images') ? describe : describe.skip)('an archive of the Blender project', () => {
  let mirror: BlenderMirror | undefined;
  afterEach(() => mirror?.stop());

  /** Builds from a mirror of this machine; the base is Debian 13, as the real one's is. */
  async function buildFrom(options: MirrorOptions, target: string, more: Record<string, string> = {}) {
    mirror = await startBlenderMirror(options);
    const context = distContext();
    const build = {
      BASE_IMAGE: await standInBase(docker, 'trixie'),
      BLENDER_VERSION: MIRRORED_VERSION,
      BLENDER_MIRROR: mirror.url,
      ...more,
    };
    const result = await tryBuild(docker, context, build, { target });
    rmSync(context, { recursive: true, force: true });
    return result;
  }

  test('whose hash the publisher lists is what the image runs', async () => {
    const built = await buildFrom({}, 'worker');
    expect(built).toMatchObject({ exitCode: 0 });
    const said = await docker.run(
      ...['run', '--rm', '--entrypoint', '/usr/local/bin/blender', built.id!, '--version'],
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
