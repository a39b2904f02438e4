import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installFakeBlender } from '../support/fake-blender';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { startPlayedFarm, type PlayedFarm } from '../support/played-farm';
import { frameFiles, onlyRender, writeTimes } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';

jest.setTimeout(180_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');
/** Real Blender and all frames, if heavy tests run; else a fake, and nine frames in one slice. */
const IS_REAL = runsHeavy('commands');
/** 64×36. */
const SMALL = [CLOCK, '--resolution-percent', '10', '--samples', '1'];
if (!IS_REAL) SMALL.push('--frames', '1-9', '-f', '9');

let farm: PlayedFarm;
let folder: string;
let programs: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spotreel test '));
  programs = IS_REAL
    ? {}
    : installFakeBlender(join(folder, 'blender'), { width: 64, height: 36, delayMs: 100 });
  farm = await startPlayedFarm({}, programs);
});
afterAll(async () => {
  await farm?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const submit = (...args: string[]) =>
  spotreel(['submit', ...SMALL, ...args], { environment: { ...farm.environment, ...programs }, cwd: at() });
const cap = async (renderId: string) => JSON.parse(await farm.get(`caps/${renderId}.json`));

test('submit --max-cost refuses a render whose lowest estimate exceeds the cap', async () => {
  const before = farm.jobs.length;
  const refused = await submit('--max-cost', '0.000001', '-n', 'dear');
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /would cost at least .* USD on Spot machines .*, unless Cycles keeps data .*, and --max-cost is 0.000001/,
  );
  expect(farm.jobs).toHaveLength(before);
  const estimates = onlyRender(at('estimates'));
  const written = writeTimes(estimates);
  expect(frameFiles(estimates).length).toBeGreaterThanOrEqual(3);

  // What was found is used again, and this much it may cost.
  const taken = await submit('--max-cost', '1000', '-n', 'cheap');
  expect(taken).toMatchObject({ exitCode: 0 });
  expect(taken.stderr).toContain('estimated at');
  expect(writeTimes(estimates)).toEqual(written);
  expect(await cap('cheap')).toMatchObject({ renderId: 'cheap', maxUsd: 1000 });
});

if (runsHeavy('commands'))
  test('submit --max-cost --test-frames 0 makes no estimate', async () => {
    const taken = await submit('--max-cost', '0.01', '--test-frames', '0', '-n', 'blind');
    expect(taken).toMatchObject({ exitCode: 0 });
    expect(await cap('blind')).toMatchObject({ maxUsd: 0.01 });
    expect(existsSync(at('estimates'))).toBe(false);
    // Asked for once more with more: nothing is submitted, and the cap is raised.
    const jobs = farm.jobs.length;
    await submit('--max-cost', '0.02', '--test-frames', '0', '-n', 'blind');
    expect(farm.jobs).toHaveLength(jobs);
    expect(await cap('blind')).toMatchObject({ maxUsd: 0.02 });
  });

if (runsHeavy('commands'))
  test('submit --max-cost reports that it makes no estimate without Blender', async () => {
    const environment = { ...farm.environment, SPOTREEL_BLENDER: at('nowhere') };
    const flags = ['--max-cost', '0.01', '-n', 'unknown'];
    const { exitCode, stderr } = await spotreel(['submit', ...SMALL, ...flags], { environment });
    expect(exitCode).toBe(0);
    expect(stderr).toContain('cannot be estimated beforehand');
    expect(await cap('unknown')).toMatchObject({ maxUsd: 0.01 });
  });

const REFUSED = [
  ['outside of a farm', ['-o', 's3://elsewhere'], '--max-cost: only a farm'],
  ['of nothing', ['--max-cost', '0'], 'more than 0'],
] as const;

test.each(fewOrAll('commands', REFUSED, ([where]) => where === 'of nothing'))(
  'submit refuses a cap %s',
  async (_, flags, words) => {
    const { exitCode, stderr } = await submit('--max-cost', '5', '--test-frames', '0', ...flags);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(words);
  },
);
