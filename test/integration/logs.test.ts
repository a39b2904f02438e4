import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installFakeBlender, type FakeBehaviour } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, startProgram } from '../support/spotreel';

jest.setTimeout(180_000);

const at = useScratchFolder();
const SCENE = join(ROOT, 'examples/clock.blend');
/** 64×36, the size of the fake's frames; slices of frames 1-4 and 5-8. */
const FLAGS = ['--resolution-percent', '10', '--frames', '1-8', '-f', '4', '-p', '2', '-n', 'shot'];

function start(environment: NodeJS.ProcessEnv = {}) {
  return startProgram('spotreel', ['render', SCENE, '-o', at('out'), ...FLAGS], { environment });
}

const faked = (behaviour: Partial<FakeBehaviour>) =>
  start(installFakeBlender(at('blender'), { width: 64, height: 36, ...behaviour }));
const logs = (...more: string[]) => spotreel(['logs', '-o', at('out'), ...more]);
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test("logs shows real Blender's lines of a video, a slice or a frame in three formats", async () => {
  expect((await start().finished).exitCode).toBe(0);
  const video = await logs();
  expect(video).toMatchObject({ exitCode: 0 });
  expect(video.stderr).toMatch(
    /^the job that checks the frames and makes the video\nthe video, attempt 1: exit code 0 \(log stream logs\/[^)]+\)\n$/,
  );
  expect(video.stdout).toMatch(/^\d{4}-\d\d-\d\d [\d:]+ {2}video, attempt 1 {2}8 of 8 frames are done$/m);

  const slice = await logs('shot', '--slice', '1');
  expect(slice).toMatchObject({ exitCode: 0 });
  expect(slice.stdout).toMatch(/ {2}slice 1, attempt 1 {2}frame 5 begins\n/);
  expect(slice.stdout).toMatch(/ {2}slice 1, attempt 1 {2}.*Fra: ?8\b/);
  expect(slice.stdout).not.toContain('frame 4');

  const frame = await logs('shot', '--frame', '6', '--json');
  const lines = jsonLines(frame.stdout);
  expect(new Set(lines.map((line) => line.frame))).toEqual(new Set([6]));
  expect(lines[0]).toMatchObject({ slice: 1, attempt: 1, event: { event: 'frame-started' } });
  expect(lines.map(({ event }) => event.event)).toContain('frame-stored');
  expect(lines.some(({ message }) => /Fra: ?6\b/.test(message))).toBe(true);
  expect(lines.every(({ timestamp }) => Math.abs(Date.parse(timestamp) - Date.now()) < 600_000)).toBe(true);

  const raw = await logs('shot', '--slice', '1', '--raw');
  const [, stream = ''] = /\(log stream ([^)]+)\)/.exec(raw.stderr) ?? [];
  const written = readFileSync(at('out/shot/.batch', stream), 'utf8');
  expect(raw.stdout).toBe(written.replaceAll(/^\S+ /gm, ''));
  expect(jsonLines(raw.stdout)).toContainEqual(
    expect.objectContaining({ event: 'frame-started', frame: 5, slice: 1 }),
  );

  // The reader ends early.
  const head = startProgram('spotreel', ['logs', '-o', at('out'), 'shot', '--slice', '0', '--raw']);
  head.process.stdout?.destroy();
  expect((await head.finished).stderr).not.toContain('EPIPE');
});

if (runsHeavy('commands'))
  test('logs without a choice shows what failed', async () => {
    await faked({ faults: { 6: 'fail' } }).finished;
    const failed = await logs('shot');
    expect(failed).toMatchObject({ exitCode: 0 });
    expect(failed.stderr).toMatch(/^failed jobs\nslice 1, attempt 1: exit code 65/);
    expect(failed.stdout).toMatch(/frame 6 failed, retrying: Error: the fake was told to fail/);
    expect(failed.stdout).toMatch(/frame 6 failed: Error: the fake was told to fail/);
    expect(failed.stdout).toMatch(/error: frames-failed: /);
    // The job that made the partial video.
    expect((await logs('shot', '--stitch')).stdout).toContain('8 of 8 frames are done');

    const never = await logs('shot', '--slice', '0', '--attempt', '2');
    expect(never).toMatchObject({ exitCode: 1, stdout: '' });
    expect(never.stderr).toContain('slice 0: no such log: it has had 1 attempt (SUCCEEDED)');
    const wrong = await logs('shot', '--frame', '9');
    expect(wrong).toMatchObject({ exitCode: 2 });
    expect(wrong.stderr).toContain('shot has no frame 9: its frames are 1-8');
    expect((await logs('shot', '--slice', '0', '--stitch')).exitCode).toBe(2);

    rmSync(at('out/shot/.batch/logs'), { recursive: true });
    const gone = await logs('shot', '--slice', '1');
    expect(gone).toMatchObject({ exitCode: 1, stdout: '' });
    expect(gone.stderr).toContain('slice 1, attempt 1: no log');
  });

if (runsHeavy('commands'))
  test('logs --follow continues after an interruption until the render ends', async () => {
    const first = faked({ delayMs: 2500 });
    while (!existsSync(at('out/shot/frames/0001.png'))) await sleep(20);
    const leaving = startProgram('spotreel', ['logs', 'shot', '--follow', '-o', at('out')]);
    let seen = '';
    leaving.process.stdout?.on('data', (data) => (seen += data));
    while (!/slice 0[^]*slice 1|slice 1[^]*slice 0/.test(seen)) await sleep(20);
    leaving.process.kill('SIGINT');
    const left = await leaving.finished;
    expect(left).toMatchObject({ exitCode: 130 });
    expect(left.stderr).toMatch(/^running jobs\n/);
    expect(left.stderr).toContain('stopped; the render continues');

    const orphan = startProgram('spotreel', ['logs', 'shot', '--slice', '0', '--follow', '-o', at('out')]);
    while (!existsSync(at('out/shot/frames/0002.png'))) await sleep(20);
    first.process.kill('SIGKILL');
    await first.finished;
    const orphaned = await orphan.finished;
    expect(orphaned).toMatchObject({ exitCode: 0 });
    expect(orphaned.stderr).toContain('slice 0: no process renders it any more');

    const again = faked({ delayMs: 300 });
    const isGoing = async () => (await spotreel(['status', 'shot', '-o', at('out')])).exitCode === 0;
    while (!(await isGoing())) await sleep(20);
    const followed = await logs('shot', '--slice', '0', '--follow');
    expect((await again.finished).exitCode).toBe(0);
    expect(followed).toMatchObject({ exitCode: 0 });
    expect(followed.stdout).toMatch(/frame 1 begins[^]*frame 1 was already stored[^]*frame 4 is stored/);
  });
