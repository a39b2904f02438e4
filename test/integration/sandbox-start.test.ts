import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sandboxGaps } from '../../container/worker/programs';
import { findExecutable } from '../../core/processes/run-program';
import { asUser, copyOf, folderOf, SANDBOX_USERS } from '../support/sandbox-users';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { worker } from '../support/spotreel';

jest.setTimeout(240_000);

const at = useScratchFolder();
const PERL = findExecutable('perl', process.env.PATH)!;
const SCRIPT = join(ROOT, 'container/worker/sandbox.pl');

/** Runs a command with `sandbox.pl`; by default in an empty folder. */
function sandbox(words: readonly string[], folders = [at()], stdio: Array<'pipe' | number> = []) {
  return spawnSync(PERL, [SCRIPT, ...folders, '--', ...words], { encoding: 'utf8', stdio });
}

const gapsOf = (abi: string) => sandboxGaps({ ...process.env, SPOTREEL_LANDLOCK_ABI: abi });

test.each([
  ['0', ['missing: this kernel has no Landlock']],
  ['2', ['truncation (ABI 3 can)', 'device commands (ABI 5 can)', 'signals and sockets (ABI 6 can)']],
  ['5', ['signals and sockets (ABI 6 can)']],
  ['6', []],
])('the sandbox lists what Landlock ABI %s lacks', async (abi, expected) => {
  const gaps = await gapsOf(abi);
  expect(gaps).toHaveLength(expected.length);
  for (const [index, part] of expected.entries()) expect(gaps[index]).toContain(part);
});

test('the sandbox reports every gap that seccomp closes as replaced', async () => {
  expect((await gapsOf('2')).map((line) => line.split(':')[0])).toEqual(['replaced', 'replaced', 'replaced']);
});

test('a worker reports once what the kernel lacks', async () => {
  const { stdout } = await worker(['stitch', '-i', at('none'), '-o', at('none')], {
    environment: { SPOTREEL_LANDLOCK_ABI: '5' },
  });
  expect(stdout.match(/sandbox: replaced: Landlock ABI 5 cannot restrict signals and sockets/g)).toHaveLength(
    1,
  );
});

test('the sandbox prints nothing when it starts a program', () => {
  for (const abi of ['0', '2', '5', '99']) {
    const { status, stdout, stderr } = spawnSync(
      PERL,
      [SCRIPT, '--landlock-abi', abi, at(), '--', 'echo', 'started'],
      { encoding: 'utf8' },
    );
    expect({ abi, status, stdout, stderr }).toEqual({ abi, status: 0, stdout: 'started\n', stderr: '' });
  }
});

test('the sandbox exits with 126 before the start if a folder is missing', () => {
  const { status, stdout, stderr } = sandbox(['echo', 'started'], [at('none')]);
  expect({ status, stdout }).toEqual({ status: 126, stdout: '' });
  expect(stderr).toBe(`sandbox: cannot open ${at('none')}: No such file or directory\n`);
});

test('the sandbox exits with 127 if the program is missing', () => {
  const { status, stderr } = sandbox([at('none')]);
  expect(status).toBe(127);
  expect(stderr).toContain(`cannot start ${at('none')}`);
});

test('a program in the sandbox gives its own exit status', () => {
  expect(sandbox(['sh', '-c', 'exit 7']).status).toBe(7);
});

test('a program in the sandbox can end itself by a signal', () => {
  expect(sandbox(['sh', '-c', 'kill -SEGV $$']).signal).toBe('SIGSEGV');
});

test('the sandbox ends a program that calls the kernel by the numbers of x32', () => {
  const lines = 'import ctypes; ctypes.CDLL(None).syscall(0x40000027)';
  expect(sandbox(['/usr/bin/python3', '-c', lines]).signal).toBe('SIGSYS');
});

test('the sandbox starts nothing if the Landlock ABI is no number', () => {
  const { status, stderr } = spawnSync(PERL, [SCRIPT, '--landlock-abi', 'two', at(), '--', 'true'], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 126, stderr: 'sandbox: --landlock-abi takes a number\n' });
});

test('a program in the sandbox leaves no core dump', () => {
  const limits = sandbox(['cat', '/proc/self/limits']).stdout;
  expect(limits).toMatch(/^Max core file size +1 +1 +bytes/m);
});

test('a program in the sandbox keeps file descriptor 3 only with --events', () => {
  const command = ['sh', '-c', 'echo event >&3'];
  const run = (flags: string[]) =>
    spawnSync(PERL, [SCRIPT, ...flags, at(), '--', ...command], {
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
  expect(run(['--events']).output[3]).toBe('event\n');
  expect(run([]).output[3]).toBe('');
});

test('a program in the sandbox has no capability', () => {
  const status = sandbox(['cat', '/proc/self/status']).stdout;
  const sets = [...status.matchAll(/^Cap(?:Inh|Prm|Eff|Amb):\t(\w+)$/gm)].map(([, bits]) =>
    Number(`0x${bits}`),
  );
  expect(sets).toEqual([0, 0, 0, 0]);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
});

test.each(SANDBOX_USERS)(
  'a program of uid %d cannot read a file of another user that only its owner may read',
  (user) => {
    const other = user === 0 ? 10_001 : 0;
    if (process.getuid!() !== 0) return console.warn('NOT TESTED: only root can make files of other users');
    chmodSync(at(), 0o755);
    const folder = folderOf(other, at('theirs'));
    writeFileSync(join(folder, 'secret'), 'secret', { mode: 0o600 });
    chownSync(join(folder, 'secret'), other, other);
    const own = folderOf(user, at('own'));
    const script = copyOf('container/worker/sandbox.pl', at());
    const [program = '', ...args] = asUser(user, [PERL, script, own, '--', 'cat', join(folder, 'secret')]);
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('Permission denied');
  },
);

test('a program in the sandbox cannot write to a folder beside its own', () => {
  for (const name of ['own', 'beside']) mkdirSync(at(name));
  writeFileSync(at('beside/kept'), 'kept');
  const lines = 'echo x > "$1/new"; echo y > "$2/kept"';
  sandbox(['sh', '-c', lines, 'sh', at('own'), at('beside')], [at('own')]);
  expect(readFileSync(at('own/new'), 'utf8')).toBe('x\n');
  expect(readFileSync(at('beside/kept'), 'utf8')).toBe('kept');
});
