import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildSync } from 'esbuild';
import { codeOf, messageOf } from '../../core/errors';
import { ROOT } from '../support/source-files';
import { cleanUp, makeDirectory, openBatch, processesWith, programFile, until } from './local-batch-harness';

let bundleDirectory: string;

beforeAll(() => {
  bundleDirectory = mkdtempSync(join(tmpdir(), 'spotreel-scheduler-'));
  buildSync({
    entryPoints: [programFile('local-batch-scheduler.ts')],
    outfile: join(bundleDirectory, 'scheduler.js'),
    bundle: true,
    platform: 'node',
  });
  copyFileSync(join(ROOT, 'core/processes/supervise.pl'), join(bundleDirectory, 'supervise.pl'));
});

afterAll(() => rmSync(bundleDirectory, { recursive: true }));
afterEach(cleanUp);

/** A program with a scheduler in it; its standard input stays open. */
function startScheduler(...args: string[]) {
  const child = spawn(process.execPath, [join(bundleDirectory, 'scheduler.js'), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return {
    child,
    hasSpoken: once(child.stdout, 'data'),
    hasExited: once(child, 'exit'),
    output: text(child.stdout),
  };
}

describe('a scheduler that is killed', () => {
  test('leaves no process, even if its job ignores every signal', async () => {
    const stateDirectory = makeDirectory();
    const killed = startScheduler(stateDirectory, 'run', programFile('await-signal.js'), 'ignore');
    // Each with its supervisor.
    await until(() => processesWith('MARKER', stateDirectory).length === 4);
    killed.child.kill('SIGKILL');
    await killed.hasExited;
    try {
      await until(() => processesWith('MARKER', stateDirectory).length === 0);
    } finally {
      for (const pid of processesWith('MARKER', stateDirectory)) process.kill(pid, 'SIGKILL');
    }
    expect(processesWith('MARKER', stateDirectory)).toEqual([]);
  });

  test('repeatedly still completes every child', async () => {
    const stateDirectory = makeDirectory();
    const file = join(makeDirectory(), 'runs');
    const args = [stateDirectory, 'run', programFile('record-run.js'), file];
    const delays = Array.from({ length: 10 }, () => 40 + Math.floor(Math.random() * 400));
    console.info(`killed after ${delays.join(', ')} ms`);

    for (const delay of delays) {
      const killed = startScheduler(...args);
      await sleep(delay);
      killed.child.kill('SIGKILL');
      await killed.hasExited;
      // The kernel has signalled them by now; how soon they end is up to it.
      await until(() => processesWith('MARKER', stateDirectory).length === 0);
    }
    const output = await startScheduler(...args).output;

    // With a single attempt each, so that a lost one that counted would have failed its child.
    expect(JSON.parse(output)).toMatchObject([
      { status: 'SUCCEEDED', arrayProperties: { statusSummary: { SUCCEEDED: 10 } } },
      { status: 'SUCCEEDED' },
    ]);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const ended = new Set(lines.filter((line) => line.startsWith('end')));
    expect(ended.size).toBe(11);
    expect(lines.indexOf('start plain')).toBeGreaterThan(lines.indexOf('end 9'));
    expect(processesWith('MARKER', stateDirectory)).toEqual([]);

    const { batch } = await openBatch({ stateDirectory });
    expect(await batch.listJobs({ jobQueue: 'queue', jobName: 'Rendering' })).toHaveLength(1);
  });
});

describe('a state directory', () => {
  test('keeps its scratch until the processes of a killed scheduler have ended', async () => {
    const stateDirectory = makeDirectory();
    const scratch = join(stateDirectory, 'scratch');
    const [outside, env] = [makeDirectory(), { ...process.env, TMPDIR: join(scratch, 'job-0') }];
    mkdirSync(env.TMPDIR, { recursive: true });
    symlinkSync(outside, join(env.TMPDIR, 'link'));
    writeFileSync(join(outside, 'kept'), '');
    // It would make its folder again after a removal that came too early.
    const late = spawn('sh', ['-c', 'sleep 1; mkdir -p "$TMPDIR/late"'], { env, stdio: 'ignore' });
    const hasExited = once(late, 'exit');
    await openBatch({ stateDirectory });
    expect(existsSync(scratch)).toBe(false);
    await hasExited;
    expect(existsSync(scratch)).toBe(false);
    expect(existsSync(join(outside, 'kept'))).toBe(true);
  });

  test('belongs to one of two schedulers that open it at once', async () => {
    const stateDirectory = makeDirectory();
    const outcomes = await Promise.allSettled([openBatch({ stateDirectory }), openBatch({ stateDirectory })]);
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(failures.map(codeOf)).toEqual(['locked']);
    expect(messageOf(failures[0])).toContain(`${stateDirectory} is in use by process ${process.pid}`);
  });

  test('of a killed scheduler is taken over by one of several', async () => {
    const stateDirectory = makeDirectory();
    for (let round = 0; round < 3; round += 1) {
      const killed = startScheduler(stateDirectory, 'hold');
      await killed.hasSpoken;
      killed.child.kill('SIGKILL');
      await killed.hasExited;

      const takers = Array.from({ length: 4 }, () => startScheduler(stateDirectory, 'hold'));
      await Promise.all(takers.map((taker) => taker.hasSpoken));
      takers.forEach(({ child }) => child.stdin.end());
      const outputs = await Promise.all(takers.map((taker) => taker.output));
      expect(outputs.toSorted()).toEqual(['held\n', 'locked\n', 'locked\n', 'locked\n']);
    }
  });
});
