import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { installFakeBlender } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { drop, startFarm } from '../support/watch-folder';

jest.setTimeout(240_000);

const at = useScratchFolder();
const SCENE = 'test/fixtures/blend/3.4-zstd.blend';
const CLOCK = 'examples/clock.blend';
/** 64×36, the size of the fake's frames. */
const GOOD = { frames: '1-2', 'resolution-percent': 10 };

/** Puts an upload at fault into the folder `uploads`, and gives why it is refused. */
const FAULTS: Readonly<Record<string, readonly [put: (path: string) => void, reason: string]>> = {
  'back\\slash.blend': [(path) => copyFileSync(SCENE, path), 'holds a backslash; rename'],
  'p\\q/b.blend': [(path) => copyFileSync(SCENE, path), 'holds a backslash; rename'],
  'line\nbreak\u001b[31m.blend': [(path) => copyFileSync(SCENE, path), 'holds a control character; rename'],
  'empty.blend': [(path) => writeFileSync(path, ''), 'the file is empty'],
  'dangling.blend': [(path) => symlinkSync('/nowhere/x.blend', path), 'a link that leads nowhere'],
  'device.blend': [(path) => symlinkSync('/dev/zero', path), 'not a regular file'],
  'pipe.blend': [(path) => execFileSync('mkfifo', [path]), 'is not a regular file'],
  'torn-options.blend': [
    withSidecar((path) => writeFileSync(path, '{')),
    'has no readable options (it is not JSON)',
  ],
  'folder-options.blend': [
    withSidecar((path) => mkdirSync(path)),
    'options in folder-options.blend.json, which is a folder',
  ],
  'pipe-options.blend': [
    withSidecar((path) => execFileSync('mkfifo', [path])),
    'which is not a regular file',
  ],
  'device-options.blend': [withSidecar((path) => symlinkSync('/dev/zero', path)), 'not a regular file'],
  'lost-options.blend': [withSidecar((path) => symlinkSync('/nowhere', path)), 'a link that leads nowhere'],
  'large-options.blend': [
    withSidecar((path) => writeFileSync(path, ' '.repeat(300_000))),
    'larger than 262144 bytes',
  ],
};

function withSidecar(put: (path: string) => void) {
  return (path: string): void => {
    copyFileSync(SCENE, path);
    put(`${path}.json`);
  };
}

test('a farm refuses each bad upload once, with its reason', async () => {
  const environment = installFakeBlender(at('blender'), { width: 64, height: 36 });
  mkdirSync(at('uploads/p\\q'), { recursive: true });
  // No scenes, but a project with none in it, and a file whose name Node can't give back.
  mkdirSync(at('uploads/folder.blend'));
  writeFileSync(
    Buffer.concat([Buffer.from(at('uploads/x')), Buffer.from([0xff]), Buffer.from('.blend')]),
    '',
  );
  for (const [name, [put]] of Object.entries(FAULTS)) put(at('uploads', name));
  drop(CLOCK, at(), 'zz-good.blend', GOOD);

  const farm = startFarm(at(), ['--once'], environment);
  const { exitCode, stderr } = await farm.finished;
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 1 });
  const refused = farm.events.filter(({ event }) => event === 'refused');
  const reasons = Object.fromEntries(refused.map(({ key, reason }) => [key, reason]));
  expect(reasons).toEqual({
    ...Object.fromEntries(
      Object.entries(FAULTS).map(([name, [, reason]]) => [
        `uploads/${name}`,
        expect.stringContaining(reason),
      ]),
    ),
    'uploads/x\ufffd.blend': expect.stringContaining('not valid UTF-8'),
  });
  for (const { renderId, reason } of refused) {
    const status = JSON.parse(readFileSync(at('renders', renderId!, 'status.json'), 'utf8'));
    expect(status).toMatchObject({ state: 'refused', reason });
  }
  expect(stderr).toContain('uploads/line\\u000abreak\\u001b[31m.blend: refused: ');
  const ended = farm.events.filter(({ event }) => event === 'ended');
  expect(ended).toMatchObject([{ state: 'complete', framesDone: 2 }]);

  const again = startFarm(at(), ['--once'], environment);
  expect(await again.finished).toMatchObject({ exitCode: 0 });
  expect(again.events.map(({ event }) => event)).toEqual(['watching']);
});

if (runsHeavy('watch-folder'))
  test('a farm fails only the queued render whose plan a newer version wrote', async () => {
    const environment = installFakeBlender(at('blender'), { width: 64, height: 36 });
    const first = drop(SCENE, at(), 'a.blend');
    const { size, mtime } = statSync(first);
    mkdirSync(at('renders/.farm'), { recursive: true });
    mkdirSync(at('renders/newer'));
    writeFileSync(at('renders/newer/manifest.json'), '{"version": 9}');
    const version = `${size}@${mtime.getTime()}`;
    const uploads = [{ key: 'uploads/a.blend', version, renderId: 'newer', state: 'waiting' }];
    writeFileSync(at('renders/.farm/uploads.json'), JSON.stringify({ version: 1, uploads }));
    drop(CLOCK, at(), 'b.blend', GOOD);

    const farm = startFarm(at(), ['--once'], environment);
    expect(await farm.finished).toMatchObject({ exitCode: 1 });
    const ended = farm.events.filter(({ event }) => event === 'ended');
    expect(ended).toMatchObject([
      { renderId: 'newer', state: 'failed', errors: [expect.stringContaining('newer/manifest.json')] },
      { state: 'complete', framesDone: 2 },
    ]);
  });

if (runsHeavy('watch-folder'))
  test('a farm retries a queue that it cannot write', async () => {
    const hold = { frames: [2], until: at('go') };
    const environment = installFakeBlender(at('blender'), { width: 64, height: 36, hold });
    drop(CLOCK, at(), 'a.blend', { 'resolution-percent': 10, frames: '1-3', name: 'a' });
    const farm = startFarm(at(), [], { environment });
    await farm.until(({ event }) => event === 'started');
    const queue = at('renders/.farm/uploads.json');
    rmSync(queue);
    mkdirSync(queue);
    writeFileSync(at('go'), '');
    while (!existsSync(at('renders/a/report.html'))) await sleep(50);
    await sleep(3_000);
    rmSync(queue, { recursive: true });
    await farm.until(({ event }) => event === 'ended');
    expect(JSON.parse(readFileSync(queue, 'utf8'))).toMatchObject({ uploads: [{ state: 'ended' }] });
    drop(CLOCK, at(), 'b.blend', { 'resolution-percent': 10, frames: '1-3', name: 'b' });
    await farm.until(({ event, renderId }) => event === 'ended' && renderId === 'b');
    farm.kill('SIGINT');
    expect((await farm.finished).stderr).toMatch(/the queue: not queued yet, retrying: can't write /);
  });
