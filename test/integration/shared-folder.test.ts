import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStartTime } from '../../core/processes/claim';
import { claimName } from '../support/claim-name';
import { installFakeBlender } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { frameFiles, storedFiles, writeTimes } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, startProgram } from '../support/spotreel';
import { manifestFor } from '../support/stored-render';
import { drop, startFarm } from '../support/watch-folder';

jest.setTimeout(240_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');
const FLAGS = ['--resolution-percent', '10', '--parallel', '1', '-n', 'clock'];

/** Needs namespaces of its own; CI has root. */
const asRoot = process.platform === 'linux' && process.getuid?.() === 0 ? describe : describe.skip;
if (asRoot === describe.skip)
  process.stderr.write('NOT RUN: two machines on one folder need Linux and root\n');

/** In the order of their start. Source: proc_pid_children(5). */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

/** As if the machine that made the claims had been gone for that long. */
function age(folder: string, seconds: number): void {
  const time = Date.now() / 1000 - seconds;
  for (const name of readdirSync(join(folder, 'lock'))) utimesSync(join(folder, 'lock', name), time, time);
}

asRoot('a folder that two machines share', () => {
  test('has one render at a time, which the next machine resumes', async () => {
    const hold = { frames: [4], until: at('go') };
    const environment = installFakeBlender(at('blender'), { width: 64, height: 36, hold });
    const render = ['render', CLOCK, '-o', at('out'), '--frames', '1-24', ...FLAGS];
    const first = startProgram('spotreel', render, { environment, machine: 'render-1' });
    const folder = at('out/clock');
    while (!existsSync(at('out/clock/frames/0003.png'))) await sleep(20);
    const scratch = readdirSync(join(folder, '.batch/scratch'));
    expect(scratch).toHaveLength(1);

    // A holder that runs refreshes its claim every 5 s; on a busy machine it may be late.
    const held = / is in use by process \d+ on machine render-1 \(seen [1-5]?\d s ago\)/;
    for (const command of [
      render,
      ['retry', 'clock', '-o', at('out'), '--yes'],
      ['delete', 'clock', '-o', at('out'), '--yes'],
      ['cancel', 'clock', '-o', at('out')],
    ]) {
      const refused = await spotreel(command, { environment, machine: 'render-2' });
      expect({ command, ...refused }).toMatchObject({ command, exitCode: 2 });
      expect(refused.stderr).toMatch(held);
    }
    expect(readdirSync(join(folder, '.batch/scratch'))).toEqual(scratch);
    const { stdout } = await spotreel(['status', 'clock', '-o', at('out'), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'rendering', ended: false });

    first.process.kill('SIGKILL');
    await first.finished;
    const kept = writeTimes(folder);
    writeFileSync(at('go'), '');
    age(join(folder, '.batch'), 30);
    const early = await spotreel(render, { environment, machine: 'render-2' });
    // It takes some seconds to start.
    expect(early.stderr).toMatch(/ on machine render-1 \(seen [345]\d s ago\)/);
    age(join(folder, '.batch'), 61);
    const second = await spotreel(render, { environment, machine: 'render-2' });
    expect(second).toMatchObject({ exitCode: 0 });
    expect(frameFiles(folder)).toHaveLength(24);
    const times = writeTimes(folder);
    for (const [name, time] of [...kept].filter(([file]) => !file.startsWith('.')))
      expect({ name, time: times.get(name) }).toEqual({ name, time });
  });

  if (runsHeavy('resume'))
    test('leaves the scratch of the next machine alone when the first one wakes up', async () => {
      const hold = { frames: [4], until: at('go') };
      const environment = installFakeBlender(at('blender'), { width: 64, height: 36, hold });
      const render = ['render', CLOCK, '-o', at('out'), '--frames', '1-24', ...FLAGS];
      const first = startProgram('spotreel', render, { environment, machine: 'render-1' });
      while (!existsSync(at('out/clock/frames/0003.png'))) await sleep(20);
      const [scheduler] = childrenOf(first.process.pid!);
      process.kill(scheduler!, 'SIGSTOP');
      age(at('out/clock/.batch'), 61);
      const second = startProgram('spotreel', render, { environment, machine: 'render-2' });
      const claims = (): string[] => readdirSync(at('out/clock/.batch/lock'));
      while (!claims().every((name) => name.endsWith('render-2'))) await sleep(20);
      // Longer than it takes to remove the scratch of the first one and to start Blender.
      while (!existsSync(at('out/clock/.batch/scratch'))) await sleep(20);
      await sleep(3_000);
      process.kill(scheduler!, 'SIGCONT');

      const woken = await first.finished;
      expect(woken).toMatchObject({ exitCode: 1 });
      expect(woken.stderr).toContain('another machine took the folder over');
      writeFileSync(at('go'), '');
      expect(await second.finished).toMatchObject({ exitCode: 0 });
      expect(frameFiles(at('out/clock'))).toHaveLength(24);
    });

  if (runsHeavy('resume'))
    test('has one farm at a time, whose queue the next machine continues', async () => {
      const hold = { frames: [4], until: at('go') };
      const environment = installFakeBlender(at('blender'), { width: 64, height: 36, hold });
      drop(CLOCK, at(), 'clock.blend', { 'resolution-percent': 10, frames: '1-24', name: 'clock' });
      const first = startFarm(at(), [], { environment, machine: 'render-1' });
      await first.until(({ event }) => event === 'started');
      const folder = at('renders/clock');
      while (!existsSync(join(folder, 'frames')) || storedFiles(folder).length < 2) await sleep(20);
      const refused = await startFarm(at(), ['--once'], { environment, machine: 'render-2' }).finished;
      expect(refused).toMatchObject({ exitCode: 2 });
      expect(refused.stderr).toMatch(/ is in use by process \d+ on machine render-1 \(seen [1-5]?\d s ago\)/);

      first.kill('SIGKILL');
      await first.finished;
      writeFileSync(at('go'), '');
      for (const claims of [at('renders/.farm'), join(folder, '.batch')]) age(claims, 61);
      const second = await startFarm(at(), ['--once'], { environment, machine: 'render-2' }).finished;
      expect(second).toMatchObject({ exitCode: 0 });
      expect(storedFiles(folder)).toHaveLength(24);
    });

  if (runsHeavy('resume'))
    test('lets any machine cancel a render of the farm on another one', async () => {
      const environment = installFakeBlender(at('blender'), { width: 64, height: 36, delayMs: 200 });
      drop(CLOCK, at(), 'clock.blend', { 'resolution-percent': 10, frames: '1-90', name: 'clock' });
      const farm = startFarm(at(), [], { environment, machine: 'render-1' });
      await farm.until(({ event }) => event === 'started');
      while (!existsSync(at('renders/clock/frames/0001.png'))) await sleep(20);
      const cancelled = await spotreel(['cancel', 'clock', '-o', at('renders')], { machine: 'render-2' });
      expect(cancelled).toMatchObject({ exitCode: 0 });
      expect(cancelled.stderr).toMatch(
        /asking process \d+ on machine render-1 \(seen [1-5]?\d s ago\), which watches/,
      );
      farm.kill('SIGKILL');
      await farm.finished;
    });
});

test.each([
  ['without a start time', (pid: number) => claimName({ pid, startTime: 'unknown' })],
  ['with the right start time', (pid: number) => claimName({ pid, startTime: processStartTime(pid) })],
])('cancel sends no signal to a process that a forged claim names, %s', async (_, claimOf) => {
  const bystander = spawn('sleep', ['60']);
  mkdirSync(at('out/shot/.batch/lock'), { recursive: true });
  writeFileSync(at('out/shot/manifest.json'), JSON.stringify(manifestFor('shot', 1)));
  writeFileSync(at('out/shot/.batch/lock', claimOf(bystander.pid!)), '');
  const cancelled = await spotreel(['cancel', 'shot', '-o', at('out')]);
  expect(cancelled).toMatchObject({ exitCode: 2 });
  expect(cancelled.stderr).toContain(`names process ${bystander.pid}, but Spotreel cannot prove`);
  expect(bystander.signalCode).toBeNull();
  bystander.kill();
});
