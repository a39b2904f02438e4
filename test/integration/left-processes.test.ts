import { spawn } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { endOf } from '../../core/processes/run-program';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { ALLOW_SCRIPTS, payloadScene } from '../support/payload-scene';
import { processesWith, survivorsWith } from '../support/processes';
import { frameFiles, onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { startProgram } from '../support/spotreel';
import { until } from './local-batch-harness';

jest.setTimeout(240_000);

const at = useScratchFolder();

const runsAsRoot = process.getuid?.() === 0;
const AS_USER = ['setpriv', '--reuid=10001', '--regid=10001', '--clear-groups', '--'];

/** Leaves a daemon that ignores signals and holds every open file of Blender: output, errors and the worker's events. */
const LEAVE_DAEMON = `
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    for one in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(one, signal.SIG_IGN)
    os.write(1, b'the daemon lives\\n')
    time.sleep(600)
    os._exit(0)
`;

/** The same, and the frame never ends. */
const HANG = `${LEAVE_DAEMON}\ntime.sleep(600)\n`;

const command = () => ['render', at('scene.blend'), '-o', at('out'), '--parallel', '1', ...ALLOW_SCRIPTS];

/** What the jobs of the one render wrote to their logs; nothing before there is one. */
function logs(): string {
  const folder = at('out', namesIn(at('out'))[0] ?? '', '.batch');
  const names = namesIn(folder);
  const files = names.filter((name) => !/^(scratch|lock|cache|jobs)\b/.test(name));
  return files.map((name) => readText(join(folder, name))).join('');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
}

const daemonLives = () => logs().includes('daemon lives');

const USERS = runsAsRoot ? ['root', 'the worker’s user'] : ['this user'];

test.each(fewOrAll('sandbox', USERS, (user) => user !== 'root'))(
  'a daemon of a scene neither survives its render nor keeps it waiting, as %s',
  async (user) => {
    await payloadScene(at('scene.blend'), LEAVE_DAEMON);
    // The checkout may be in a folder that only its owner can read.
    cpSync(join(ROOT, 'dist'), at('dist'), { recursive: true });
    for (const path of [at(), at('dist'), at('scene.blend')]) chmodSync(path, 0o777);
    const asUser = user === 'the worker’s user' ? AS_USER : [];
    const [program, ...argv] = [...asUser, process.execPath, at('dist/spotreel.js'), ...command()];
    const child = spawn(program!, argv, { cwd: at(), env: { ...process.env, HOME: at() } });
    const [stderr, { exitCode }] = await Promise.all([text(child.stderr), endOf(child)]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(daemonLives()).toBe(true);
    expect(frameFiles(onlyRender(at('out')))).toHaveLength(2);
    expect(processesWith(at())).toEqual([]);
    expect(readdirSync(join(onlyRender(at('out')), '.batch/scratch'))).toEqual([]);
  },
);

test('a daemon of a scene does not survive the worker that is killed', async () => {
  await payloadScene(at('scene.blend'), HANG);
  const started = startProgram('spotreel', command());
  await until(daemonLives);
  for (const pid of workers()) process.kill(pid, 'SIGKILL');
  started.process.kill('SIGTERM');
  expect((await started.finished).exitCode).toBe(143);
  expect(processesWith(at())).toEqual([]);
  expect(readdirSync(join(onlyRender(at('out')), '.batch/scratch'))).toEqual([]);
});

if (runsHeavy('sandbox'))
  test('a daemon of a scene does not survive the command that is killed', async () => {
    await payloadScene(at('scene.blend'), HANG);
    const started = startProgram('spotreel', command());
    await until(daemonLives);
    started.process.kill('SIGKILL');
    await started.finished;
    expect(await survivorsWith(at())).toEqual([]);
  });

/** The workers themselves, not what supervises them. */
function workers(): number[] {
  return processesWith(at()).filter((pid) => {
    const [, program] = readText(`/proc/${pid}/cmdline`).split('\0');
    return program?.endsWith('/start-worker.js');
  });
}
