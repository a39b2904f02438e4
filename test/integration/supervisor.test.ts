import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { peakMemoryBytes } from '../../container/worker/blender/session';
import { endOf, killProgram, programPid, stopProgram, withLifeline } from '../../core/processes/run-program';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { processesWith, until } from './local-batch-harness';

jest.setTimeout(120_000);

const at = useScratchFolder();

/** The worker's user in the image. */
const USER = 10_001;
const runsAsRoot = process.getuid?.() === 0;
const started: ChildProcess[] = [];

/** Copies, because the checkout may be in a folder that only its owner can read. */
beforeEach(() => {
  chmodSync(at(), 0o777);
  for (const file of [
    'core/processes/supervise.pl',
    'test/fixtures/attack/leave-daemon.pl',
    'test/fixtures/attack/fork-bomb.pl',
  ]) {
    copyFileSync(join(ROOT, file), at(basename(file)));
  }
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const pid of left()) process.kill(pid, 'SIGKILL');
});

/** The processes of this test, whatever has become of them. */
const left = () => processesWith('MARKER', at());

describe.each(runsAsRoot ? ['root', 'the worker'] : ['this user'])('a supervisor started by %s', (user) => {
  const asUser =
    user === 'the worker' ? ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--'] : [];

  function start(...command: string[]): ChildProcess {
    const [program, ...argv] = [...asUser, ...command];
    const child = spawn(program!, argv, { cwd: '/', env: { PATH: process.env.PATH, MARKER: at() } });
    started.push(child);
    return child;
  }

  function supervise(...command: string[]): ChildProcess {
    const [perl] = withLifeline([]);
    return start(perl!, at('supervise.pl'), String(process.pid), ...command);
  }

  const firstLine = async (child: ChildProcess) => String((await once(child.stdout!, 'data'))[0]).trim();

  test.each([
    ['exit 0', 0, null],
    ['exit 7', 7, null],
    ['kill -TERM $$', null, 'SIGTERM'],
    ['kill -KILL $$', null, 'SIGKILL'],
    ['kill -SEGV $$', null, 'SIGSEGV'],
    ['kill -FPE $$', null, 'SIGFPE'],
  ])('ends as the program does: %s', async (script, exitCode, signal) => {
    expect(await endOf(supervise('sh', '-c', script))).toEqual({ exitCode, signal });
  });

  test('names the program that it could not start', async () => {
    const child = supervise(at('missing'));
    const [words, { exitCode }] = await Promise.all([text(child.stderr!), endOf(child)]);
    expect(exitCode).toBe(127);
    expect(words).toBe(`supervise: cannot start ${at('missing')}: No such file or directory\n`);
  });

  test('leaves the standard streams to the program', async () => {
    const child = supervise('sh', '-c', 'cat; cat >&2');
    child.stdin!.end('in');
    const [stdout] = await Promise.all([text(child.stdout!), endOf(child)]);
    expect(stdout).toBe('in');
  });

  test('holds no pipe open that the program has closed', async () => {
    const child = supervise('sh', '-c', 'exec >&- 2>&-; read _; exit 4');
    await Promise.all([text(child.stdout!), text(child.stderr!)]);
    expect(child.exitCode).toBeNull();
    child.stdin!.end();
    expect((await endOf(child)).exitCode).toBe(4);
  });

  test('gives the program a group of its own in a session of the supervisor', async () => {
    const child = supervise('sh', '-c', 'cat /proc/$$/stat; cat');
    const [pid, , , parent, group, session] = (await firstLine(child)).split(' ').map(Number);
    expect({ parent, group, session }).toEqual({ parent: child.pid, group: pid, session: child.pid });
  });

  test('kills a daemon that left its session and ignores signals, before it exits', async () => {
    const child = supervise('perl', at('leave-daemon.pl'));
    const [line, end] = await Promise.all([firstLine(child), endOf(child)]);
    expect(line).toMatch(/^daemon \d+$/);
    expect(end).toEqual({ exitCode: 3, signal: null });
    expect(left()).toEqual([]);
  });

  test('kills 200 processes that start others while they are killed', async () => {
    const child = supervise('perl', at('fork-bomb.pl'));
    expect(await firstLine(child)).toBe('started');
    // Some of them start others at this signal.
    for (const pid of left()) if (pid !== child.pid) trySignal(pid, 'SIGTERM');
    child.stdin!.end();
    expect((await endOf(child)).exitCode).toBe(5);
    expect(left()).toEqual([]);
  });

  test('passes SIGTERM to the program alone', async () => {
    const script = `(trap 'echo child' TERM; while :; do sleep 0.1; done) & trap 'echo program; exit 4' TERM; echo ready; while :; do sleep 0.1; done`;
    const child = supervise('sh', '-c', script);
    await firstLine(child);
    child.kill('SIGTERM');
    const [words, end] = await Promise.all([text(child.stdout!), endOf(child)]);
    expect({ words, ...end }).toEqual({ words: 'program\n', exitCode: 4, signal: null });
    expect(left()).toEqual([]);
  });

  test('kills everything after the wait of stopProgram', async () => {
    const child = supervise('sh', '-c', `trap '' TERM; perl "${at('leave-daemon.pl')}"; cat`);
    await firstLine(child);
    stopProgram(child, 50);
    expect(await endOf(child)).toEqual({ exitCode: null, signal: 'SIGKILL' });
    expect(left()).toEqual([]);
  });

  test('kills everything for killProgram, even if it was stopped', async () => {
    const child = supervise('perl', at('leave-daemon.pl'), 'wait');
    await firstLine(child);
    child.kill('SIGSTOP');
    killProgram(child);
    expect((await endOf(child)).signal).toBe('SIGKILL');
    expect(left()).toEqual([]);
  });

  test('kills everything when its caller is killed', async () => {
    const script = `perl "$0" $$ perl "$1" wait <&3 & wait`;
    const caller = start('sh', '-c', `exec 3<&0; ${script}`, at('supervise.pl'), at('leave-daemon.pl'));
    await firstLine(caller);
    caller.kill('SIGKILL');
    await until(() => left().length === 0);
    expect(left()).toEqual([]);
  });

  test('starts nothing when its caller is dead already', async () => {
    const [perl] = withLifeline([]);
    const child = start(perl!, at('supervise.pl'), '1', 'touch', at('started'));
    expect((await endOf(child)).exitCode).toBe(137);
    expect(existsSync(at('started'))).toBe(false);
  });

  test('ends the program when it is killed itself', async () => {
    const child = supervise('sh', '-c', 'echo ready; read _');
    await firstLine(child);
    child.kill('SIGKILL');
    await until(() => left().length === 0);
    expect(left()).toEqual([]);
  });

  test('kills what a supervisor below it left when that one was killed', async () => {
    const script = `exec 3<&0; perl "$0" $$ perl "$1" wait <&3 & echo $!; wait $!; exit 6`;
    const outer = supervise('sh', '-c', script, at('supervise.pl'), at('leave-daemon.pl'));
    let words = '';
    outer.stdout!.on('data', (chunk) => (words += chunk));
    await until(() => /daemon/.test(words));
    process.kill(Number(/^(\d+)$/m.exec(words)![1]), 'SIGKILL');
    expect((await endOf(outer)).exitCode).toBe(6);
    expect(left()).toEqual([]);
  });
});

test('programPid leads to the memory of the program, not to that of its supervisor', async () => {
  const script = `$text = 'x' x 1e8; syswrite STDOUT, "$$"; <STDIN>`;
  const [program, ...argv] = withLifeline(['perl', '-e', script]);
  const child = spawn(program!, argv);
  const pid = Number((await once(child.stdout, 'data'))[0]);
  expect(programPid(child.pid!)).toBe(pid);
  expect(peakMemoryBytes(pid)).toBeGreaterThan(1e8);
  child.stdin.end();
  await endOf(child);
});

test('endOf cuts a pipe that an outside process holds after all output', async () => {
  const child = spawn('sh', ['-c', 'sleep 600 & echo $!']);
  started.push(child);
  let words = '';
  child.stdout.on('data', (chunk) => (words += chunk));
  expect(await endOf(child)).toEqual({ exitCode: 0, signal: null });
  process.kill(Number(words), 'SIGKILL');
});

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has replaced itself meanwhile.
  }
}
