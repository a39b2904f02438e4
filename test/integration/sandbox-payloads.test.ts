import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ALLOW_SCRIPTS, payloadScene } from '../support/payload-scene';
import { abiEnvironment, asUser, folderOf, USERS_AND_ABIS } from '../support/sandbox-users';
import { fewOrAll } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';

jest.setTimeout(180_000);

const at = useScratchFolder();
const PAYLOAD = readFileSync(join(ROOT, 'test/fixtures/attack/payload_probe.py'), 'utf8');
const SECRET = 'precious';

/** Opens a terminal, prints its path, and once its standard input ends prints what came out of the terminal. */
const TERMINAL = `
import os, pty, sys
ours, theirs = pty.openpty()
os.chmod(os.ttyname(theirs), 0o666)
print(os.ttyname(theirs), flush=True)
sys.stdin.read()
os.set_blocking(ours, False)
try: print(os.read(ours, 1000))
except BlockingIOError: print("untouched")
`;

/** Runs `spotreel` as another user, who may be unable to read the checkout. */
async function spotreelAs(
  user: number,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const home = folderOf(user, at('home'));
  const words = asUser(user, [process.execPath, at('dist/spotreel.js'), ...args]);
  const [program = '', ...rest] = words;
  const env = { ...process.env, HOME: home, TMPDIR: home, AWS_SECRET_ACCESS_KEY: SECRET, ...environment };
  const { stdout } = await promisify(execFile)(program, rest, { cwd: home, env, maxBuffer: 2 ** 26 });
  return stdout;
}

const TRIED = USERS_AND_ABIS.filter(({ abi }) => abi !== 5);
const WORKER = Math.max(...TRIED.map(({ user }) => user));

test.each(fewOrAll('sandbox', TRIED, ({ user, abi }) => user === WORKER && abi === undefined))(
  'a payload in a scene of uid $user reaches nothing under Landlock ABI $of',
  async ({ user, abi }) => {
    chmodSync(at(), 0o755);
    cpSync(join(ROOT, 'dist'), at('dist'), { recursive: true });
    writeFileSync(at('victim'), SECRET, { mode: 0o600 });
    if (process.getuid!() === 0) chownSync(at('victim'), user, user);
    const before = statSync(at('victim'));
    const scene = await payloadScene(
      at('scene.blend'),
      `VICTIM = ${JSON.stringify(at('victim'))}\n${PAYLOAD}`,
      1,
    );
    const terminal = spawn('/usr/bin/python3', ['-c', TERMINAL], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [path] = (await once(terminal.stdout, 'data')).map(String);
    const name = path!.trim().split('/').at(-1)!;

    const output = folderOf(user, at('out'));
    await spotreelAs(
      user,
      ['render', scene, '-o', output, '-n', 'shot', '--video', 'none', ...ALLOW_SCRIPTS],
      abiEnvironment(abi),
    );
    const log = await spotreelAs(user, ['logs', 'shot', '-o', output, '--slice', '0'], {});
    const answers = [...log.matchAll(/PWN (.+?) (OK|no) ?(.*)/g)].map(([, deed, answer, why]) => ({
      deed,
      answer,
      why,
    }));
    // The payload ran, and saw the terminal and several processes.
    expect(answers.find(({ deed }) => deed === 'look')?.why).toContain(`'${name}'`);
    expect(answers.filter(({ deed }) => deed?.startsWith('environ of ')).length).toBeGreaterThan(1);
    expect(answers.map(({ deed }) => deed)).toEqual(
      expect.arrayContaining([
        `terminal ${name}`,
        'terminal ../tty',
        'chmod',
        'truncate',
        'write',
        'secrets',
      ]),
    );
    expect(answers.filter(({ deed, answer }) => deed !== 'look' && answer !== 'no')).toEqual([]);
    expect(log).not.toContain(SECRET);

    terminal.stdin.end();
    const [left] = (await once(terminal.stdout, 'data')).map(String);
    expect(left).toBe('untouched\n');
    expect(readFileSync(at('victim'), 'utf8')).toBe(SECRET);
    expect(statSync(at('victim')).ctimeMs).toBe(before.ctimeMs);
  },
);
