import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommandLine } from '../../cli/main';
import { claimName, ELSEWHERE } from '../support/claim-name';
import { installFakeBlender } from '../support/fake-blender';
import { garble, GARBLES, stateFiles } from '../support/garble';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { writeTimes } from '../support/render-folder';
import { ROOT } from '../support/source-files';
import { spotreel, startProgram } from '../support/spotreel';
import { drop, startFarm } from '../support/watch-folder';

jest.setTimeout(300_000);

const CLOCK = join(ROOT, 'examples/clock.blend');
const FLAGS = ['--resolution-percent', '10', '--frames', '1-6', '--frames-per-slice', '3', '--parallel', '1'];
/** A render that is stopped and resumed needs no video. */
const STOPPED = [...FLAGS, '--video', 'none'];

/** What no user is to see. */
const UGLY =
  /\n\s+at .*\(|[A-Z][a-z]+Error\b|Unexpected token|undefined|\bNaN\b|Infinity|E[A-Z]{4,}\b|\binternal\b|Invalid time|1e\+?308|\[\n? *\{|(?<![\w-])-\d+(\.\d+)? (s|min|h)\b/;

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
let environment: NodeJS.ProcessEnv;
/** Renders in three states, by their ids. */
const renders: Record<'complete' | 'partial' | 'stopped', string> = {
  complete: '',
  partial: '',
  stopped: '',
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spotreel torn '));
  environment = installFakeBlender(at('blender'), { width: 64, height: 36 });
  const render = (state: string, flags = FLAGS) => ['render', CLOCK, '-o', at(state), ...flags];
  await spotreel(render('complete'), { environment });
  const faulty = installFakeBlender(at('faulty'), { width: 64, height: 36, faults: { 4: 'fail' } });
  await spotreel(render('partial'), { environment: faulty });
  await spotreel(['retry', readdirSync(at('partial'))[0]!, '-o', at('partial'), '--yes'], {
    environment: faulty,
  });
  const hold = { frames: [5], until: at('never') };
  const held = installFakeBlender(at('held'), { width: 64, height: 36, hold });
  const { process: stopped, finished } = startProgram('spotreel', render('stopped', STOPPED), {
    environment: held,
  });
  while (
    !existsSync(at('stopped')) ||
    !stateFiles(at('stopped')).some((path) => path.endsWith('slices/1.json'))
  )
    await sleep(50);
  stopped.kill('SIGKILL');
  await finished;
  for (const state of ['complete', 'partial', 'stopped'] as const)
    renders[state] = readdirSync(at(state))[0]!;
  cpSync(at('stopped'), at('pristine'), { recursive: true, preserveTimestamps: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command in this process, and gives what it wrote. */
async function run(...argv: string[]): Promise<{ exitCode: number; text: string; stdout: string }> {
  let [text, stdout] = ['', ''];
  const out = jest.spyOn(process.stdout, 'write').mockImplementation((data) => {
    stdout += String(data);
    text += String(data);
    return true;
  });
  const err = jest.spyOn(process.stderr, 'write').mockImplementation((data) => {
    text += String(data);
    return true;
  });
  try {
    return { exitCode: await runCommandLine(argv), text, stdout };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

const STATES = ['complete', 'partial', 'stopped'] as const;

describe.each(STATES)('with a damaged file of a %s render', (state) => {
  // Every third kind of damage is usual in one of the states, all else heavy.
  const isUsual = (_: string, index: number) => index % 9 === 3 * STATES.indexOf(state);
  test.each(fewOrAll('torn-files', Object.keys(GARBLES), isUsual))(
    '(%s) every command ends with a readable message',
    async (name) => {
      const output = at(`garbled-${state}`);
      rmSync(output, { recursive: true, force: true });
      const [from] = [at(state, renders[state])];
      const damaged: Record<string, string> = {};
      for (const [i, file] of stateFiles(from).entries()) {
        cpSync(from, join(output, `shot-${i}`), { recursive: true });
        if (garble(join(output, `shot-${i}`, file), name)) damaged[`shot-${i}`] = file;
        else rmSync(join(output, `shot-${i}`), { recursive: true });
      }
      const id = renders[state];
      cpSync(from, join(output, id), { recursive: true });
      const ugly: object[] = [];
      const check = (command: string, file: string, text: string): void => {
        if (UGLY.test(text)) ugly.push({ command, file, text: text.slice(-600), why: UGLY.exec(text)?.[0] });
      };

      const listed = await run('list', '-o', output, '--json');
      expect(listed.exitCode).toBe(0);
      const rows = listed.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      // A folder in the place of the plan is no render; all others are listed.
      const copies = Object.keys(damaged).filter(
        (copy) => name !== 'folder' || damaged[copy] !== 'manifest.json',
      );
      expect(rows.map(({ renderId }) => String(renderId)).toSorted()).toEqual([id, ...copies].toSorted());
      expect(rows.find(({ renderId }) => renderId === id)).toMatchObject({ state });
      check('list', '', (await run('list', '-o', output)).text);
      const usual = (await run('logs', id, '-o', output)).exitCode;

      for (const copy of copies) {
        const [own, file] = [join(output, `of-${copy}`), damaged[copy]!];
        mkdirSync(own);
        renameSync(join(output, copy), join(own, id));
        for (const command of ['status', 'receipt'])
          check(command, file, (await run(command, id, '-o', own)).text);
        const logs = await run('logs', id, '-o', own);
        check('logs', file, logs.text);
        if (!file.startsWith('.batch/') && logs.exitCode !== usual)
          ugly.push({ command: 'logs', file, ...logs });
        check('download', file, (await run('download', id, join(own, 'copy'), '-o', own)).text);
        const deleted = await run('delete', id, '--yes', '-o', own);
        check('delete', file, deleted.text);
        if (deleted.exitCode !== 0 || existsSync(join(own, id)))
          ugly.push({ command: 'delete', file, ...deleted });
      }
      expect(ugly).toEqual([]);
    },
  );
});

/** The stopped render as it was, in its own place, which its jobs name. */
function restored(): string {
  rmSync(at('stopped'), { recursive: true });
  cpSync(at('pristine'), at('stopped'), { recursive: true, preserveTimestamps: true });
  return at('stopped');
}

describe('render resumes', () => {
  const resumable = Object.keys(GARBLES).filter((name) => name !== 'version 9');
  const isUsual = (name: string) => name === 'half';
  test.each(fewOrAll('torn-files', resumable, isUsual))(
    'with its frames although every state file is damaged (%s)',
    async (name) => {
      const output = restored();
      const render = join(output, renders.stopped);
      const kept = [...writeTimes(render)].filter(([file]) => !file.startsWith('.'));
      expect(kept.length).toBeGreaterThan(0);
      for (const file of stateFiles(render)) garble(join(render, file), name);
      const resumed = await spotreel(['render', CLOCK, '-o', output, ...STOPPED], { environment });
      expect(resumed).toMatchObject({ exitCode: 0 });
      expect(resumed.stderr).not.toMatch(UGLY);
      const times = writeTimes(render);
      expect(times.size).toBe(6);
      for (const [file, time] of kept) expect({ file, time: times.get(file) }).toEqual({ file, time });
      const { stdout } = await run('status', renders.stopped, '-o', output, '--json');
      expect(JSON.parse(stdout)).toMatchObject({ state: 'complete' });
    },
  );

  if (runsHeavy('torn-files'))
    test('and names the files that it set aside', async () => {
      const output = restored();
      const render = join(output, renders.stopped);
      for (const file of ['manifest.json', 'jobs.json', 'slices/0.json']) garble(join(render, file), 'half');
      const { stderr } = await spotreel(['render', CLOCK, '-o', output, ...STOPPED], { environment });
      expect(stderr).toMatch(
        /^note: repaired: the render was planned again, and its frames are kept: \S.*manifest\.json is damaged \(it is not JSON\)$/m,
      );
      expect(stderr).toMatch(
        /^note: repaired: damaged or outdated files were set aside as \*\.damaged and are made again: jobs\.json, slices\/0\.json, \.batch\/jobs$/m,
      );
    });

  test('not if the plan is of a newer version, which it names', async () => {
    const output = restored();
    garble(join(output, renders.stopped, 'manifest.json'), 'version 9');
    const refused = await spotreel(['render', CLOCK, '-o', output, ...STOPPED], { environment });
    expect(refused).toMatchObject({ exitCode: 1 });
    expect(refused.stderr).toContain('manifest.json: a newer version of Spotreel wrote it; use that version');
  });

  if (runsHeavy('torn-files'))
    test('not under a name given by hand if its frames may be of another scene', async () => {
      const output = at('by-hand');
      cpSync(at('pristine', renders.stopped), join(output, 'shot'), { recursive: true });
      garble(join(output, 'shot/manifest.json'), 'half');
      const refused = await spotreel(['render', CLOCK, '-o', output, ...STOPPED, '-n', 'shot'], {
        environment,
      });
      expect(refused).toMatchObject({ exitCode: 1 });
      expect(refused.stderr).toContain('its frames may be of another scene');
    });
});

test('a retry ignores the damaged files of the retry before', async () => {
  const output = at('partial');
  const render = join(output, renders.partial);
  for (const file of stateFiles(render)) if (file !== 'manifest.json') garble(join(render, file), 'half');
  const retried = await spotreel(['retry', renders.partial, '-o', output, '--yes'], { environment });
  expect(retried).toMatchObject({ exitCode: 0 });
  expect(retried.stderr).not.toMatch(UGLY);
});

if (runsHeavy('torn-files'))
  test('a watch folder replaces damaged plans and queues', async () => {
    const watched = at('watched');
    drop(CLOCK, watched, 'clock.blend', { 'resolution-percent': 10, frames: '1-3', video: 'none' });
    await startFarm(watched, ['--once'], { environment }).finished;
    const [id] = readdirSync(join(watched, 'renders')).filter((name) => !name.startsWith('.'));
    const render = join(watched, 'renders', id!);
    const times = writeTimes(render);
    for (const name of fewOrAll('torn-files', ['half', 'null', 'folder'], (one) => one === 'half')) {
      const queue = join(watched, 'renders/.farm/uploads.json');
      garble(queue, name);
      garble(join(render, 'manifest.json'), 'half');
      const farm = await startFarm(watched, ['--once'], { environment }).finished;
      expect({ name, ...farm }).toMatchObject({ name, exitCode: 0 });
      expect(farm.stderr).not.toMatch(UGLY);
      expect(writeTimes(render)).toEqual(times);
    }
  });

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) process.stderr.write('NOT RUN: files that may not be read need Linux and root\n');

(isRoot ? describe : describe.skip)('a user who may not read state files', () => {
  if (runsHeavy('torn-files'))
    test('can still use the render', () => {
      const uid = 10_001;
      const output = restored();
      const paths = readdirSync(output, { recursive: true, encoding: 'utf8' }).map((path) =>
        join(output, path),
      );
      for (const path of [output, ...paths]) chownSync(path, uid, uid);
      chmodSync(folder, 0o755);
      const render = join(output, renders.stopped);
      for (const file of stateFiles(render)) if (file !== 'manifest.json') chmodSync(join(render, file), 0);
      const asUser = (...args: string[]) => {
        const env = { ...process.env, ...environment, HOME: '/nonexistent' };
        const argv = [join(ROOT, 'dist/spotreel.js'), ...args];
        return spawnSync(process.execPath, argv, { uid, gid: uid, env, cwd: '/', encoding: 'utf8' });
      };
      for (const command of [
        ['list'],
        ['status', renders.stopped],
        ['logs', renders.stopped],
        ['receipt', renders.stopped],
      ]) {
        const { status, stdout, stderr } = asUser(...command, '-o', output);
        expect({ command, status, ugly: UGLY.exec(stdout + stderr)?.[0] }).toEqual({
          command,
          status: expect.any(Number),
          ugly: undefined,
        });
      }
      const resumed = asUser('render', CLOCK, '-o', output, ...STOPPED);
      expect(resumed.stderr).not.toMatch(UGLY);
      expect(resumed.status).toBe(0);
    });
});

const PIPES = ['.batch/jobs/J.jsonl', '.batch/lock/C', 'jobs.json', 'manifest.json'];

test.each(fewOrAll('torn-files', PIPES, (file) => file === 'manifest.json'))(
  'no command waits for a pipe in place of %s',
  (file) => {
    const output = at('pipes');
    rmSync(output, { recursive: true, force: true });
    cpSync(at('complete'), output, { recursive: true });
    const id = renders.complete;
    const journal = readdirSync(join(output, id, '.batch/jobs'))[0]!;
    const path = join(output, id, file.replace('J.jsonl', journal).replace('C', claimName(ELSEWHERE)));
    rmSync(path, { force: true });
    spawnSync('mkfifo', [path]);
    for (const command of ['list', 'status', 'logs', 'cancel']) {
      const argv = [join(ROOT, 'dist/spotreel.js'), command, ...(command === 'list' ? [] : [id])];
      const ended = spawnSync(process.execPath, [...argv, '-o', output], {
        timeout: 30_000,
        killSignal: 'SIGKILL',
        encoding: 'utf8',
      });
      expect({ command, signal: ended.signal }).toEqual({ command, signal: null });
      expect(ended.stdout + ended.stderr).not.toMatch(UGLY);
    }
  },
);
