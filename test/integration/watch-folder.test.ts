import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeScene } from '../support/blender';
import { installFakeBlender } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { survivorsWith } from '../support/processes';
import { frameFiles, storedFiles, sliceReports, writeTimes } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';
import { probeVideo } from '../support/video';
import { drop, startFarm } from '../support/watch-folder';

jest.setTimeout(240_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');
/** 64×36, the size of the fake's frames. */
const FAKE = { width: 64, height: 36 };
const SMALL = { 'resolution-percent': 10, 'frames-per-slice': 4 };

/** The size of `makeScene`. */
const SCENE_SIZE = { width: 64, height: 48 };

const rendersOf = (): string[] => readdirSync(at('renders')).filter((name) => !name.startsWith('.'));
const folderOf = (start: string): string =>
  at(
    'renders',
    rendersOf().find((name) => name.startsWith(start))!,
  );

async function stateOf(renderId: string) {
  const { stdout } = await spotreel(['status', renderId, '-o', at('renders'), '--json']);
  return JSON.parse(stdout);
}

test('a watch folder renders each scene in uploads once, except faulty ones', async () => {
  const scene = await makeScene(at('scene.blend'), 'scene.frame_end = 3');
  drop(scene, at(), 'a.blend');
  drop(scene, at(), 'film/b.blend', { frames: '2-3', name: 'Take-2' });
  drop(scene, at(), 'film/lib/asset.blend');
  writeFileSync(at('uploads/bad.blend'), readFileSync(scene).subarray(0, 5000));

  const environment = installFakeBlender(at('blender'), SCENE_SIZE);
  const first = await startFarm(at(), ['--once'], { environment }).finished;
  expect(first).toMatchObject({ exitCode: 1 });
  expect(first.stderr).toContain('uploads/bad.blend: refused: ');
  expect(first.stderr).toContain('Take-2: complete');
  expect(rendersOf()).toHaveLength(3);
  expect(frameFiles(folderOf('a-'))).toEqual(['0001.png', '0002.png', '0003.png']);
  expect(frameFiles(folderOf('Take-2'))).toEqual(['0002.png', '0003.png']);
  for (const [start, frames] of [
    ['a-', '3'],
    ['Take-2', '2'],
  ] as const)
    expect((await probeVideo(join(folderOf(start), 'output.mp4'))).nb_read_frames).toBe(frames);
  const listed = await spotreel(['list', '-o', at('renders'), '--json']);
  const states = listed.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(
    Object.fromEntries(states.map(({ renderId, state }) => [renderId.replace(/-.{8}$/, ''), state])),
  ).toEqual({
    a: 'complete',
    bad: 'refused',
    'Take-2': 'complete',
  });

  const times = writeTimes(folderOf('a-'));
  const second = startFarm(at(), ['--once'], { environment });
  expect(await second.finished).toMatchObject({ exitCode: 0 });
  expect(second.events.map(({ event }) => event)).toEqual(['watching']);

  // Another frame range is another render; the same file written again is the same.
  drop(scene, at(), 'a.blend');
  drop(scene, at(), 'film/b.blend', { frames: '1' });
  const third = startFarm(at(), ['--once'], { environment });
  expect(await third.finished).toMatchObject({ exitCode: 0 });
  expect(rendersOf()).toHaveLength(4);
  expect(frameFiles(folderOf('b-'))).toEqual(['0001.png']);
  expect(writeTimes(folderOf('a-'))).toEqual(times);
});

if (runsHeavy('watch-folder'))
  test('a killed watch folder resumes its queue where it stopped', async () => {
    // Each of its two Blenders waits in the middle of a slice until it is killed.
    const hold = { frames: [7, 19], until: at('never') };
    const held = installFakeBlender(at('held'), { ...FAKE, hold });
    drop(CLOCK, at(), 'first.blend', { ...SMALL, 'frames-per-slice': 12, frames: '1-24', video: 'none' });
    drop(CLOCK, at(), 'second.blend', { ...SMALL, frames: '1-4', video: 'none' });
    const killed = startFarm(at(), [], { environment: held });
    const { renderId: second } = await killed.until(
      ({ event, key }) => event === 'queued' && key === 'uploads/second.blend',
    );
    const { renderId: first } = await killed.until(({ event }) => event === 'started');
    expect(first).toMatch(/^first-/);
    const isHalfWay = () =>
      existsSync(at('renders', first!, 'frames')) && storedFiles(at('renders', first!)).length >= 5;
    while (!isHalfWay()) await sleep(20);
    expect(await stateOf(second!)).toMatchObject({
      state: 'waiting',
      ended: false,
      reason: 'it waits in the queue of its watch folder, 1 render before it',
    });
    expect(await stateOf(first!)).toMatchObject({ state: 'rendering' });
    const twice = await spotreel(['farm', at(), '--once']);
    expect(twice).toMatchObject({ exitCode: 2 });
    expect(twice.stderr).toContain('is in use by process');

    killed.kill('SIGKILL');
    await killed.finished;
    expect(await survivorsWith(at())).toEqual([]);
    for (const id of [first, second]) expect(await stateOf(id!)).toMatchObject({ state: 'stopped' });
    const stored = [...writeTimes(at('renders', first!))].filter(([name]) => !name.startsWith('.'));
    expect(stored.length).toBeGreaterThanOrEqual(5);
    expect(stored.length).toBeLessThan(24);

    const environment = installFakeBlender(at('blender'), FAKE);
    const again = startFarm(at(), ['--once'], { environment });
    expect(await again.finished).toMatchObject({ exitCode: 0 });
    const ends = again.events.filter(({ event }) => event === 'ended');
    expect(ends.map(({ renderId, state }) => [renderId, state])).toEqual([
      [first, 'complete'],
      [second, 'complete'],
    ]);
    const times = writeTimes(at('renders', first!));
    for (const [name, time] of stored) expect({ name, time: times.get(name) }).toEqual({ name, time });
    for (const [id, count] of [
      [first!, 24],
      [second!, 4],
    ] as const) {
      expect(frameFiles(at('renders', id))).toHaveLength(count);
      const reported = sliceReports(at('renders', id)).flatMap(({ attempts }) =>
        attempts.flatMap(({ frames }) => frames.map(({ frame }) => frame)),
      );
      expect(new Set(reported).size).toBe(reported.length);
    }
    expect(await survivorsWith(at())).toEqual([]);
  });

if (runsHeavy('watch-folder'))
  test('a watch folder waits until a scene is copied completely', async () => {
    const bytes = readFileSync(await makeScene(at('scene.blend'), 'scene.frame_end = 2'));
    const half = Math.floor(bytes.length / 2);
    mkdirSync(at('uploads'));
    writeFileSync(at('uploads/stalled.blend'), bytes.subarray(0, half));
    writeFileSync(at('uploads/slow.blend'), bytes.subarray(0, half));
    const environment = installFakeBlender(at('blender'), SCENE_SIZE);
    const farm = startFarm(at(), [], { environment });
    // Two seconds between pieces, for longer than a file has to be still.
    const pieces = 5;
    for (let piece = 0; piece < pieces; piece += 1) {
      await sleep(2000);
      const end = half + Math.ceil(((bytes.length - half) * (piece + 1)) / pieces);
      appendFileSync(at('uploads/slow.blend'), bytes.subarray(statSync(at('uploads/slow.blend')).size, end));
    }
    const refused = await farm.until(({ event }) => event === 'refused');
    expect(refused).toMatchObject({ key: 'uploads/stalled.blend' });
    appendFileSync(at('uploads/stalled.blend'), bytes.subarray(half));
    const ended = (start: string) =>
      farm.until(({ event, renderId }) => event === 'ended' && renderId!.startsWith(start));
    expect(await ended('slow-')).toMatchObject({ state: 'complete', framesDone: 2 });
    expect(await ended('stalled-')).toMatchObject({ state: 'complete', framesDone: 2 });
    farm.kill('SIGINT');
    expect(await farm.finished).toMatchObject({ exitCode: 130 });
    expect(farm.events.filter(({ event }) => event === 'refused')).toEqual([refused]);
    expect(farm.events.filter(({ event }) => event === 'ended')).toHaveLength(2);
  });

if (runsHeavy('watch-folder'))
  test('a cancelled render of a watch folder resumes only once it is uploaded again', async () => {
    const environment = installFakeBlender(at('blender'), { ...FAKE, delayMs: 600 });
    drop(CLOCK, at(), 'a.blend', { ...SMALL, frames: '1-200' });
    drop(CLOCK, at(), 'b.blend', { ...SMALL, frames: '1-201' });
    drop(CLOCK, at(), 'c.blend', { ...SMALL, frames: '1-4', video: 'none' });
    const farm = startFarm(at(), ['-p', '1'], { environment });
    const queued = (key: string) =>
      farm.until(({ event, ...told }) => event === 'queued' && told.key === `uploads/${key}`);
    const [a, b, c] = [
      (await queued('a.blend')).renderId!,
      (await queued('b.blend')).renderId!,
      (await queued('c.blend')).renderId!,
    ];
    while (!existsSync(at('renders', a, 'frames/0002.png'))) await sleep(20);

    const running = await spotreel(['delete', b, '-o', at('renders'), '--yes']);
    expect(running).toMatchObject({ exitCode: 2 });
    expect(running.stderr).toContain('or in a queue');
    for (const id of [b, a]) {
      const cancelled = await spotreel(['cancel', id, '-o', at('renders')]);
      expect(cancelled).toMatchObject({ exitCode: 0 });
      expect(cancelled.stderr).toContain(`${id} is cancelled\nkept: `);
    }
    expect(await farm.until(({ event, renderId }) => event === 'ended' && renderId === c)).toMatchObject({
      state: 'complete',
    });
    for (const id of [a, b]) expect(await stateOf(id)).toMatchObject({ state: 'stopped', ended: true });
    farm.kill('SIGTERM');
    expect(await farm.finished).toMatchObject({ exitCode: 143 });

    const kept = writeTimes(at('renders', a));
    const idle = startFarm(at(), ['--once'], { environment });
    expect(await idle.finished).toMatchObject({ exitCode: 0 });
    expect(idle.events.map(({ event }) => event)).toEqual(['watching']);

    utimesSync(at('uploads/a.blend'), new Date(), new Date());
    const again = startFarm(at(), [], { environment });
    expect(await again.until(({ event }) => event === 'queued')).toMatchObject({ renderId: a });
    while (frameFiles(at('renders', a)).length <= kept.size) await sleep(20);
    again.kill('SIGINT');
    expect(await again.finished).toMatchObject({ exitCode: 130 });
    for (const [name, time] of kept) expect(writeTimes(at('renders', a)).get(name)).toBe(time);

    // Cancelled while no farm runs, it does not resume with the next start.
    const unwatched = await spotreel(['cancel', a, '-o', at('renders')]);
    expect(unwatched.stderr).toContain(`${a} is cancelled`);
    expect(await startFarm(at(), ['--once'], { environment }).finished).toMatchObject({ exitCode: 0 });
    expect(await survivorsWith(at())).toEqual([]);
  });

if (runsHeavy('scripts'))
  test('a watch folder runs scripts only with --allow-scripts', async () => {
    const scene = await makeScene(at('scene.blend'), 'scene.frame_end = 1');
    drop(scene, at(), 'trusted.blend', { 'allow-scripts': true, video: 'none' });
    const environment = installFakeBlender(at('blender'), SCENE_SIZE);
    const refused = await startFarm(at(), ['--once'], { environment }).finished;
    expect(refused).toMatchObject({ exitCode: 1 });
    expect(refused.stderr).toContain('uploads/trusted.blend: refused: this farm does not allow scripts');
    // Touched, so that it is tried again.
    drop(scene, at(), 'trusted.blend', { 'allow-scripts': true, video: 'none' });
    const allowed = await startFarm(at(), ['--once', '--allow-scripts'], { environment }).finished;
    expect(allowed).toMatchObject({ exitCode: 0 });
  });
