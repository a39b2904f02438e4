import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installFakeBlender, type FakeBehaviour } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { begunFrames } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, startProgram } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();
const SCENE = join(ROOT, 'examples/clock.blend');
/** 64×36, the size of the fake's frames. */
const FLAGS = ['--resolution-percent', '10', '--frames', '1-8', '-f', '4', '-p', '2'];

function start(behaviour: Partial<FakeBehaviour>, ...more: string[]) {
  const environment = installFakeBlender(at('blender'), { width: 64, height: 36, ...behaviour });
  return startProgram('spotreel', ['render', SCENE, '-o', at('out'), ...FLAGS, ...more], { environment });
}

const status = (...more: string[]) => spotreel(['status', '-o', at('out'), ...more]);
const watch = (...more: string[]) => spotreel(['watch', '-o', at('out'), ...more]);

async function listed() {
  const { exitCode, stdout } = await spotreel(['list', '-o', at('out'), '--json']);
  expect(exitCode).toBe(0);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line): unknown => JSON.parse(line));
}

test('status and list show a complete render', async () => {
  expect((await start({}, '-n', 'shot').finished).exitCode).toBe(0);
  const asked = await status('--json');
  expect(asked.exitCode).toBe(0);
  const video = at('out', 'shot', 'output.mp4');
  expect(JSON.parse(asked.stdout)).toMatchObject({
    renderId: 'shot',
    state: 'complete',
    ended: true,
    frames: { total: 8, stored: 8, failed: 0 },
    failures: [],
    slices: { total: 2, succeeded: 2, running: 0, waiting: 0, failed: 0 },
    figures: { attempts: 2, interruptions: 0, frameSeconds: { median: expect.any(Number) } },
    links: { video },
  });
  const { exitCode, stdout } = await watch('shot');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('shot: complete\n');
  expect(stdout).toContain('8 of 8');
  expect(await listed()).toMatchObject([
    { renderId: 'shot', state: 'complete', frames: { total: 8, stored: 8 }, video },
  ]);
});

test('status ends with 3 and names a missing frame with its reason', async () => {
  await start({ faults: { 3: 'fail' } }).finished;
  const asked = await status();
  expect(asked.exitCode).toBe(3);
  expect(asked.stdout).toContain('partial: the video lacks frames or sound');
  expect(asked.stdout).toContain('7 of 8, 1 failed');
  expect(asked.stdout).toMatch(/failed +frame 3: Error: the fake was told to fail/);
  expect((await watch()).exitCode).toBe(3);
});

if (runsHeavy('commands'))
  test('status shows a render that failed', async () => {
    await start({ refuse: 'no' }).finished;
    const asked = await status('--json');
    expect(asked.exitCode).toBe(1);
    expect(JSON.parse(asked.stdout)).toMatchObject({ state: 'failed', ended: true, frames: { stored: 0 } });
    expect((await watch()).exitCode).toBe(1);
  });

if (runsHeavy('commands'))
  test('watch follows a render that is interrupted and resumed to the end', async () => {
    const started = start({ delayMs: 4000 });
    const isBegun = () => {
      const frames = begunFrames(at('out'));
      return frames !== undefined && readdirSync(frames).length > 0;
    };
    while (!isBegun()) await sleep(50);
    const [going, list] = await Promise.all([status('--json'), listed()]);
    expect(going.exitCode).toBe(0);
    expect(JSON.parse(going.stdout)).toMatchObject({
      state: 'rendering',
      ended: false,
      slices: { running: 2 },
    });
    expect(list).toMatchObject([{ state: 'rendering' }]);
    started.process.kill('SIGINT');
    expect((await started.finished).exitCode).toBe(130);

    const stopped = await status('--json');
    expect(stopped.exitCode).toBe(1);
    expect(JSON.parse(stopped.stdout)).toMatchObject({ state: 'stopped', ended: true, frames: { total: 8 } });
    expect((await status()).stdout).toContain('run the same command again to resume');
    expect((await watch()).exitCode).toBe(1);

    const again = start({ delayMs: 500 });
    while (JSON.parse((await status('--json')).stdout).state === 'stopped') await sleep(50);
    const watched = await watch('--json');
    expect((await again.finished).exitCode).toBe(0);
    expect(watched.exitCode).toBe(0);
    const lines = watched.stdout.trimEnd().split('\n');
    expect(new Set(lines).size).toBe(lines.length);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ state: 'complete', frames: { stored: 8 } });
  });

if (runsHeavy('commands'))
  test('list leaves out folders that are not renders', async () => {
    mkdirSync(at('out', 'else'), { recursive: true });
    expect(await listed()).toEqual([]);
    for (const id of [[], ['else'], ['..'], ['%2e%2e'], ['else/../..']]) {
      const { exitCode, stderr } = await status(...id);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(`there is no render${id.length > 0 ? ` "${id[0]}"` : ''} in ${at('out')}`);
    }
  });
