import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseGaps, parseRetryPlan } from '../support/documents';
import { type FakeBehaviour, installFakeBlender } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { frameFiles, onlyRender, sliceReports, writeTimes } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, startProgram } from '../support/spotreel';
import { probeVideo } from '../support/video';

jest.setTimeout(180_000);

const at = useScratchFolder();
const SCENE = join(ROOT, 'examples/clock.blend');
/** 64×36, the size of the fake's frames. */
const FLAGS = ['--resolution-percent', '10', '--frames', '1-8', '-f', '2', '-p', '2', '-n', 'clock'];

function blender(behaviour: Partial<FakeBehaviour>): NodeJS.ProcessEnv {
  return installFakeBlender(at('blender'), { width: 64, height: 36, ...behaviour });
}

const renderArgs = (...more: string[]) => ['render', SCENE, '-o', at('out'), ...FLAGS, ...more];
const render = (environment: NodeJS.ProcessEnv, ...more: string[]) =>
  spotreel(renderArgs(...more), { environment });
const retry = (environment: NodeJS.ProcessEnv, ...more: string[]) =>
  spotreel(['retry', 'clock', '-o', at('out'), '-p', '2', ...more], { environment });

/** Comes to the first frame of each slice, and then waits to be interrupted. */
const held = () => blender({ hold: { frames: [2, 4, 6, 8], until: at('go') } });
async function interrupt({ process, finished }: ReturnType<typeof startProgram>): Promise<void> {
  process.kill('SIGINT');
  // The frame in flight is finished.
  writeFileSync(at('go'), '');
  expect((await finished).exitCode).toBe(130);
}

const planOf = (folder: string, number: number) =>
  parseRetryPlan(readFileSync(join(folder, 'retries', `${number}.json`)));
const retryOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'jobs.json'), 'utf8')).retry;
const products = (folder: string) =>
  readdirSync(folder).filter((name) => name.startsWith('output') || name === 'gaps.json');
/** The frames that each attempt rendered, slice by slice. */
const rendered = (folder: string) =>
  Object.fromEntries(
    sliceReports(folder).map(({ slice, attempts }) => [
      slice,
      attempts.map(({ frames }) => frames.map(({ frame }) => frame)),
    ]),
  );

test('retry renders only the failed frames and completes the video', async () => {
  expect((await render(blender({ faults: { 3: 'fail', 8: 'crash' } }))).exitCode).toBe(3);
  const folder = onlyRender(at('out'));
  const before = writeTimes(folder);

  const first = await retry(blender({}));
  expect(first).toMatchObject({ exitCode: 0, stdout: '' });
  expect(first.stderr).toContain('clock: 2 frames in 2 slices (3, 8)');
  expect(products(folder)).toEqual(['output.mp4']);
  expect(readdirSync(join(folder, 'failures'))).toEqual([]);
  expect((await probeVideo(join(folder, 'output.mp4'))).nb_read_frames).toBe('8');
  const after = writeTimes(folder);
  expect(['0003.png', '0008.png'].map((name) => after.delete(name))).toEqual([true, true]);
  expect(after).toEqual(before);
  expect(planOf(folder, 1)).toMatchObject({
    why: 'asked',
    slices: [
      { start: 1, end: 1 },
      { start: 3, end: 3 },
    ],
    frames: [{ start: 3 }, { start: 8 }],
  });
  expect(retryOf(folder)).toEqual({ kind: 'frames', number: 1, why: 'asked', slices: 2, frames: 2 });
  expect(rendered(folder)).toMatchObject({ 0: [[1, 2]], 1: [[4], [3]], 3: [[7], [8]] });
  const status = await spotreel(['status', 'clock', '-o', at('out'), '--json']);
  expect(JSON.parse(status.stdout)).toMatchObject({ state: 'complete', retry: { number: 1 } });

  // Logs of the first jobs are still readable.
  const logs = (...more: string[]) => spotreel(['logs', 'clock', '-o', at('out'), '--slice', '3', ...more]);
  const [last, earlier] = [await logs(), await logs('--job', '1')];
  expect(last.stderr).toContain('slice 3 (job 2 of 2)');
  expect(last.stdout).toContain('frame 8 is stored');
  expect(earlier.stderr).toContain('slice 3 (job 1 of 2)');
  expect(earlier.stdout).toContain('frame 7 is stored');
  expect(earlier.stdout).not.toContain('frame 8 is stored');

  const again = await retry(blender({ refuse: 'Error: it was started' }));
  expect(again).toMatchObject({ exitCode: 0 });
  expect(again.stderr).toContain('nothing to do');

  rmSync(join(folder, 'output.mp4'));
  const video = await retry(blender({ refuse: 'Error: it was started' }));
  expect(video).toMatchObject({ exitCode: 0 });
  expect(products(folder)).toEqual(['output.mp4']);
  expect(retryOf(folder)).toEqual({ kind: 'video', number: 2, why: 'asked', slices: 0, frames: 0 });
  expect((await spotreel(['status', 'clock', '-o', at('out')])).exitCode).toBe(0);
});

if (runsHeavy('retry'))
  test('retry --frames leaves gaps for the other missing frames, which render fills', async () => {
    expect((await render(blender({ faults: { 3: 'fail', 4: 'fail', 6: 'fail' } }))).exitCode).toBe(3);
    const folder = onlyRender(at('out'));

    const some = await retry(blender({}), '--frames', '1-3');
    expect(some).toMatchObject({ exitCode: 3 });
    expect(products(folder)).toEqual(['gaps.json', 'output.partial.mp4']);
    expect(parseGaps(readFileSync(join(folder, 'gaps.json'))).gaps.map(({ frame }) => frame)).toEqual([4, 6]);
    expect(retryOf(folder)).toMatchObject({ number: 1, frames: 1, partial: true });
    expect((await spotreel(['status', 'clock', '-o', at('out')])).exitCode).toBe(3);

    const there = await retry(blender({}), '--frames', '1-3');
    expect(there).toMatchObject({ exitCode: 0 });
    expect(there.stderr).toContain('the requested frames are complete; "spotreel retry"');

    // It fails again: the record is of this try.
    const worse = await retry(blender({ faults: { 6: 'crash' } }), '--failed');
    expect(worse).toMatchObject({ exitCode: 3 });
    expect(frameFiles(folder)).toHaveLength(7);
    expect(readdirSync(join(folder, 'failures'))).toEqual(['6.json']);

    // Though a partial retry has succeeded, render still resumes.
    expect((await render(blender({}))).exitCode).toBe(0);
    expect(products(folder)).toEqual(['output.mp4']);
    expect(retryOf(folder)).toBeUndefined();
  });

if (runsHeavy('retry'))
  test('retry --samples asks before it renders frames that look different', async () => {
    copyFileSync(SCENE, at('clock.blend'));
    const flags = ['--resolution-percent', '10', '--frames', '1-4', '-f', '2', '-p', '2', '-n', 'clock'];
    const made = await spotreel(['render', at('clock.blend'), '-o', at('out'), ...flags]);
    expect(made).toMatchObject({ exitCode: 0 });
    const folder = onlyRender(at('out'));
    for (const name of ['frames/0002.png', 'output.mp4']) rmSync(join(folder, name));
    const before = writeTimes(folder);

    const unasked = await retry({}, '--samples', '1');
    expect(unasked).toMatchObject({ exitCode: 2 });
    expect(unasked.stderr).toContain('with 1 samples these frames will look different');
    expect(unasked.stderr).toContain('give --yes');

    appendFileSync(at('clock.blend'), 'x');
    const changed = await retry({});
    expect(changed).toMatchObject({ exitCode: 2 });
    expect(changed.stderr).toContain('has changed since clock was planned');
    copyFileSync(SCENE, at('clock.blend'));

    const retried = await retry({}, '--samples', '1', '--yes');
    expect(retried).toMatchObject({ exitCode: 0 });
    const after = writeTimes(folder);
    expect(after.delete('0002.png')).toBe(true);
    expect(after).toEqual(before);
    expect(planOf(folder, 1)).toMatchObject({ samples: 1 });
    const report = JSON.parse(readFileSync(join(folder, 'slices/0.json'), 'utf8'));
    expect(report.attempts.at(-1)).toMatchObject({ samples: 1 });
    expect((await probeVideo(join(folder, 'output.mp4'))).nb_read_frames).toBe('4');
  });

test('retry resumes a render only if it is stopped', async () => {
  const slow = held();
  const started = startProgram('spotreel', renderArgs(), { environment: slow });
  while (!existsSync(at('out/clock/frames/0001.png'))) await sleep(20);
  const folder = onlyRender(at('out'));
  const running = await retry(slow);
  expect(running).toMatchObject({ exitCode: 2 });
  expect(running.stderr).toContain('clock has not ended');
  await interrupt(started);
  expect(frameFiles(folder).length).toBeLessThan(8);

  const one = await retry(blender({}), '--frames', '8');
  expect(one).toMatchObject({ exitCode: 3 });
  expect(retryOf(folder)).toMatchObject({ number: 1, frames: 1 });
  expect(frameFiles(folder)).toContain('0008.png');

  const rest = await retry(blender({}));
  expect(rest).toMatchObject({ exitCode: 0 });
  expect(frameFiles(folder)).toHaveLength(8);
  expect(products(folder)).toEqual(['output.mp4']);
});

if (runsHeavy('retry'))
  test('retry without options resumes the jobs of a stopped render', async () => {
    const started = startProgram('spotreel', renderArgs(), { environment: held() });
    while (!existsSync(at('out/clock/frames/0001.png'))) await sleep(20);
    await interrupt(started);
    expect(await retry(blender({}))).toMatchObject({ exitCode: 0 });
    const folder = onlyRender(at('out'));
    expect(frameFiles(folder)).toHaveLength(8);
    expect(retryOf(folder)).toBeUndefined();
  });

if (runsHeavy('retry'))
  test('retry with wrong options changes nothing', async () => {
    expect((await render(blender({ faults: { 3: 'fail' } }))).exitCode).toBe(3);
    const wrong: Array<[string[], string]> = [
      [['--memory', '9000'], '--memory is for a farm'],
      [['--queue', 'x'], '--queue is for a farm'],
      [['--on-demand'], '--on-demand is for a farm'],
      [['--frames', '90-99'], 'this render has no such frames'],
    ];
    for (const [args, words] of wrong) {
      const result = await retry(blender({}), ...args);
      expect(result).toMatchObject({ exitCode: 2, stdout: '' });
      expect(result.stderr).toContain(words);
    }
    expect(existsSync(at('out/clock/retries'))).toBe(false);
  });
