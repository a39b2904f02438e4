import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureSchema, type FrameFailure } from '../../core/render/records';
import { type FakeBehaviour, installFakeBlender } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { frameFiles, sliceReports } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { startProgram, worker } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');
const FRAMES = 72;
const ARGS = () => ['render', '-i', CLOCK, '-o', at('out'), '-f', String(FRAMES), '-t', String(FRAMES)];

function environment(
  behaviour: Partial<FakeBehaviour>,
  variables: Record<string, string> = {},
): NodeJS.ProcessEnv {
  mkdirSync(at('tmp'), { recursive: true });
  const fake = installFakeBlender(at('blender'), { width: 640, height: 360, ...behaviour });
  return { ...fake, TMPDIR: at('tmp'), ...variables };
}

/** Starts a worker, interrupts it once frame 2 is stored and frame 3 begun, and gives its end. */
async function interrupted(variables: NodeJS.ProcessEnv, interrupt: (kill: () => void) => void) {
  const started = startProgram('worker', ARGS(), { environment: variables });
  let heard = '';
  started.process.stdout?.on('data', (data) => (heard += data));
  while (!heard.includes('"frame-started","frame":3')) await sleep(20);
  interrupt(() => started.process.kill('SIGTERM'));
  const { exitCode } = await started.finished;
  return { exitCode, attempt: sliceReports(at('out'))[0]!.attempts.at(-1)! };
}

const frames = (count: number) =>
  Array.from({ length: count }, (_, i) => `${String(i + 1).padStart(4, '0')}.png`);

test('a worker at SIGTERM only stores the frame in work', async () => {
  const { exitCode, attempt } = await interrupted(environment({ delayMs: 1500 }), (kill) => kill());
  expect(exitCode).toBe(143);
  expect(frameFiles(at('out'))).toEqual(frames(3));
  expect(attempt).toMatchObject({ attempt: 1, exitCode: 143, reason: 'stopped by SIGTERM' });
  expect(attempt).not.toHaveProperty('dropped');
  expect(readdirSync(at('tmp'))).toEqual([]);
});

if (runsHeavy('worker'))
  test('a frame that exceeds the grace period is reported as dropped', async () => {
    const slow = environment({ delayMs: 1500 }, { SPOTREEL_STOP_SECONDS: '0.3' });
    const { exitCode, attempt } = await interrupted(slow, (kill) => kill());
    expect(exitCode).toBe(143);
    expect(frameFiles(at('out'))).toEqual(frames(2));
    expect(attempt.dropped?.frame).toBe(3);
    expect(attempt.dropped?.seconds).toBeGreaterThan(0.2);
  });

test('the next attempt after a Spot notice renders only the missing frames', async () => {
  const notice = at('spot-notice.json');
  const noticed = environment({ delayMs: 1500 }, { SPOTREEL_SPOT_NOTICE: notice });
  const time = new Date(Date.now() + 120_000).toISOString();
  const { exitCode, attempt } = await interrupted(noticed, () =>
    writeFileSync(notice, JSON.stringify({ action: 'terminate', time })),
  );
  expect(exitCode).toBe(143);
  expect(attempt.reason).toContain('EC2 reclaims this Spot machine (terminate at ');
  const stored = attempt.frames.map(({ frame }) => frame);
  expect(frameFiles(at('out'))).toEqual(frames(stored.length));
  const retry = await worker(ARGS(), { environment: environment({}, { AWS_BATCH_JOB_ATTEMPT: '2' }) });
  expect(retry.exitCode).toBe(0);
  const [first, second] = sliceReports(at('out'))[0]!.attempts;
  expect(second).toMatchObject({ attempt: 2, kept: stored.length, exitCode: 0 });
  const rendered = [...first!.frames, ...second!.frames].map(({ frame }) => frame);
  expect(new Set(rendered).size).toBe(rendered.length);
  expect(frameFiles(at('out'))).toHaveLength(FRAMES);
});

if (runsHeavy('worker'))
  test('a Blender that hangs costs one frame, whose error names the setting', async () => {
    const { exitCode } = await worker(ARGS(), {
      environment: environment({ faults: { 2: 'hang' } }, { SPOTREEL_HANG_SECONDS: '4' }),
    });
    expect(exitCode).toBe(65);
    expect(frameFiles(at('out'))).toHaveLength(FRAMES - 1);
    expect(failure(2)).toMatchObject({ tries: 2, reason: expect.stringContaining('hangMinutes') });
  });

if (runsHeavy('worker'))
  test('a frame that runs out of memory names the memory and the setting to raise', async () => {
    const { exitCode } = await worker(ARGS(), {
      environment: environment({ faults: { 2: 'memory' } }, { SPOTREEL_MEMORY_MIB: '2000' }),
    });
    expect(exitCode).toBe(65);
    const { reason } = failure(2);
    expect(reason).toContain('out of memory');
    expect(reason).toContain('2000 MiB: raise the setting renderMemoryMib');
  });

if (runsHeavy('worker'))
  test('a worker stops trying once each start lacks the same file', async () => {
    const { exitCode, stdout } = await worker(ARGS(), {
      environment: environment({ faults: { 2: 'missing', 3: 'missing', 4: 'missing', 5: 'missing' } }),
    });
    expect(exitCode).toBe(65);
    expect(frameFiles(at('out'))).toEqual(frames(1));
    expect(failure(2)).toMatchObject({
      tries: 1,
      reason: expect.stringContaining('//textures/wood.png, which is missing'),
    });
    expect(existsSync(at('out/failures/5.json'))).toBe(false);
    expect(stdout).toContain('frames 2-4 of this slice failed, and the others were skipped');
  });

function failure(frame: number): FrameFailure {
  return failureSchema.parse(JSON.parse(readFileSync(at(`out/failures/${frame}.json`), 'utf8')));
}
