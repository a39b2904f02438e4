import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processesWith, survivorsWith } from '../support/processes';
import {
  begunFrames,
  frameFiles,
  onlyRender,
  partialFiles,
  sliceReports,
  storedFiles,
  writeTimes,
} from '../support/render-folder';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, startProgram } from '../support/spotreel';
import { probeVideo } from '../support/video';

jest.setTimeout(300_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');
const [KILLS, FRAMES] = runsHeavy('resume') ? [20, 72] : [2, 24];
/** The demo, smaller: real Blender, frames of about a tenth of a second. */
const command = () => [
  'render',
  CLOCK,
  '-o',
  at('out'),
  '--frames',
  `1-${FRAMES}`,
  '--resolution-percent',
  '25',
  '--samples',
  '2',
  '--parallel',
  '2',
];

test('a render killed again and again with SIGKILL ends with every frame rendered once', async () => {
  let stored = new Map<string, number>();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const started = startProgram('spotreel', command());
    // From before the first frame to well into the slices.
    await sleep(Math.random() * 4500);
    started.process.kill('SIGKILL');
    const { exitCode } = await started.finished;
    if (exitCode === 0) break;
    expect(await survivorsWith(at('out'))).toEqual([]);
    stored = expectKept(stored);
  }
  const { exitCode, stderr } = await spotreel(command());
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expectKept(stored);
  const folder = onlyRender(at('out'));
  expect(frameFiles(folder)).toHaveLength(FRAMES);
  expect((await probeVideo(join(folder, 'output.mp4'))).nb_read_frames).toBe(String(FRAMES));
  expect(partialFiles(folder)).toEqual([]);
  const reported = sliceReports(folder).flatMap(({ attempts }) =>
    attempts.flatMap(({ frames }) => frames.map(({ frame }) => frame)),
  );
  // A frame may be stored by a worker that died before it could report, but none is reported twice.
  expect(new Set(reported).size).toBe(reported.length);
  expect(processesWith(at('out'))).toEqual([]);
});

/** Frames that were stored before are unchanged; gives the frames that are stored now. */
function expectKept(before: ReadonlyMap<string, number>): Map<string, number> {
  if (!begunFrames(at('out'))) return new Map();
  const times = writeTimes(onlyRender(at('out')));
  const whole = new Map([...times].filter(([name]) => !name.startsWith('.')));
  for (const [name, time] of before) expect({ name, time: whole.get(name) }).toEqual({ name, time });
  return whole;
}

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

test.each(fewOrAll('resume', SIGNALS, ([signal]) => signal === 'SIGINT'))(
  '%s ends render with %i, and the same command resumes it',
  async (signal, code) => {
    const started = startProgram('spotreel', command());
    const frames = () => (begunFrames(at('out')) ? storedFiles(onlyRender(at('out'))) : []);
    while (frames().length < 2) await sleep(50);
    started.process.kill(signal);
    const { exitCode, stderr } = await started.finished;
    expect(exitCode).toBe(code);
    expect(stderr).toContain('run the same command again to resume');
    expect(processesWith(at('out'))).toEqual([]);
    const stored = expectKept(new Map());
    expect(stored.size).toBeGreaterThanOrEqual(2);
    expect((await spotreel(command())).exitCode).toBe(0);
    expectKept(stored);
  },
);
