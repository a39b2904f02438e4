import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeScene } from '../support/blender';
import { installFakeBlender } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { startPlayedFarm, type PlayedFarm } from '../support/played-farm';
import { onlyRender, writeTimes } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';

jest.setTimeout(180_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');
/** At 10 percent: 64×36. Each frame takes a while, as an estimate is of seconds. */
const FAKE = { width: 64, height: 36, delayMs: 20 };

/** No AWS account: no keys, and no metadata service that gives some. */
const NO_AWS: NodeJS.ProcessEnv = {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/nowhere',
  AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: '',
  AWS_SECRET_ACCESS_KEY: '',
  AWS_PROFILE: '',
};

const estimate = (args: string[], environment = NO_AWS) =>
  spotreel(['estimate', ...args, '-o', at('out')], { environment });

const isJpeg = (path: string) => readFileSync(path).subarray(0, 3).toString('hex') === 'ffd8ff';

/** Three figures in ascending order, of something that takes or costs something. */
const SPREAD = { low: expect.any(Number), middle: expect.any(Number), high: expect.any(Number) };

function ascends({ low, middle, high }: { low: number; middle: number; high: number }): boolean {
  return 0 < low && low <= middle && middle <= high;
}

test('estimate needs no AWS account to show time here and cost on a farm', async () => {
  const args = [CLOCK, '--resolution-percent', '10', '--samples', '1', '-p', '2'];
  const blender = installFakeBlender(at('blender'), { ...FAKE, delayMs: 1000 });
  const estimateHere = (more: string[]) => estimate([...args, ...more], { ...NO_AWS, ...blender });
  const first = await estimateHere(['--json']);
  expect(first).toMatchObject({ exitCode: 0 });
  const told = JSON.parse(first.stdout);
  const folder = onlyRender(at('out'));
  expect(told).toMatchObject({
    file: CLOCK,
    frameCount: 72,
    // Two Blenders at a time have as many each.
    test: { on: 'here', folder: `${folder}/`, atATime: 2, failures: [] },
    frameSeconds: SPREAD,
    here: { parallel: 2, sliceCount: 4, machineSeconds: SPREAD, wallSeconds: SPREAD },
    farm: {
      parallel: 64,
      renderVcpus: 4,
      cost: { spot: SPREAD, onDemand: SPREAD },
      prices: { source: 'table' },
    },
  });
  const frames: Array<{ frame: number; seconds: number; thumbnail: string }> = told.test.frames;
  expect(frames.map(({ frame }) => frame)).toEqual([1, 25, 48, 72]);
  expect(frames.every(({ seconds, thumbnail }) => seconds > 0 && isJpeg(thumbnail))).toBe(true);
  const { here, farm } = told;
  for (const one of [
    told.frameSeconds,
    here.wallSeconds,
    farm.wallSeconds,
    farm.cost.spot,
    farm.cost.onDemand,
  ])
    expect(ascends(one)).toBe(true);
  expect(farm.cost.onDemand.low).toBeGreaterThan(farm.cost.spot.low);
  expect(told.assumptions.join('\n')).toMatch(
    /as fast as the fastest, or as slow as the slowest, of 4 test frames/,
  );
  expect(told.assumptions.join('\n')).toMatch(
    /assuming a farm deployed with default settings \(no farm found/,
  );

  // The same again: estimated from the stored test frames.
  const written = writeTimes(folder);
  const again = await estimateHere([]);
  expect(again).toMatchObject({ exitCode: 0 });
  expect(writeTimes(folder)).toEqual(written);
  expect(onlyRender(at('out'))).toBe(folder);
  for (const words of ['72 frames of 64×36', 'Spot', 'On-Demand', 'built-in table of', frames[0]!.thumbnail])
    expect(again.stdout).toContain(words);

  // With other options, test frames are rendered again. A still is tested with all cores, as it renders.
  const still = JSON.parse((await estimateHere(['--frames', '7', '--json'])).stdout);
  const threads = availableParallelism();
  expect(still).toMatchObject({ test: { atATime: 1, threads }, here: { sliceCount: 1, threads } });
  expect(readdirSync(at('out'))).toHaveLength(2);
});

if (runsHeavy('commands'))
  test('estimate refuses a faulty scene before it renders', async () => {
    const scene = await makeScene(at('shot.blend'), 'scene.camera = None');
    const refused = await estimate([scene]);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain('has no camera');
    expect(existsSync(at('out'))).toBe(false);
  });

if (runsHeavy('commands'))
  test('estimate shows by its exit code whether some or all test frames failed', async () => {
    const args = [CLOCK, '--resolution-percent', '10', '-p', '1'];
    const some = installFakeBlender(at('some'), { ...FAKE, faults: { 36: 'fail', 37: 'fail' } });
    const partly = await estimate(args, { ...NO_AWS, ...some });
    expect(partly.exitCode).toBe(3);
    expect(partly.stdout).toMatch(/frame 3[67] +failed: Error: the fake was told to fail/);
    const none = installFakeBlender(at('none'), { ...FAKE, refuse: 'it will not open' });
    const failed = await estimate([...args, '--samples', '3'], { ...NO_AWS, ...none });
    expect(failed).toMatchObject({ exitCode: 1, stdout: '' });
    expect(failed.stderr).toContain('all test frames of');
  });

if (runsHeavy('commands'))
  test('estimate fails if the named farm does not exist', async () => {
    const { exitCode, stderr } = await estimate([CLOCK, '--farm', 'other'], {
      ...NO_AWS,
      AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('/spotreel/other');
    expect(existsSync(at('out'))).toBe(false);
  });

if (runsHeavy('commands'))
  describe('estimate on a farm', () => {
    let farm: PlayedFarm;
    let folder: string;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'spotreel test '));
      farm = await startPlayedFarm({}, installFakeBlender(join(folder, 'blender'), FAKE));
    });
    afterAll(async () => {
      await farm?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const SMALL = [CLOCK, '--resolution-percent', '10', '--samples', '1'];

    test("renders the test frames in one slice each and uses the farm's size", async () => {
      const { exitCode, stdout, stderr } = await estimate(
        [...SMALL, '--on-farm', '--json'],
        farm.environment,
      );
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      const told = JSON.parse(stdout);
      expect(farm.jobs.map(({ arrayProperties }) => arrayProperties?.size)).toEqual([3, undefined]);
      expect(told).toMatchObject({
        test: { on: 'farm', atATime: 3, threads: 2, failures: [] },
        farm: { parallel: 4, renderVcpus: 2, cost: { spot: SPREAD } },
      });
      expect(told.test.folder).toMatch(/^s3:.*\/renders\/clock-[0-9a-f]{8}-estimate\/$/);
      const thumbnails: string[] = told.test.frames.map(({ thumbnail }: { thumbnail: string }) => thumbnail);
      expect(thumbnails.every((path) => path.startsWith(at('out')) && isJpeg(path))).toBe(true);
      // Again: nothing is submitted.
      await estimate([...SMALL, '--on-farm'], farm.environment);
      expect(farm.jobs).toHaveLength(2);
    });

    if (runsHeavy('commands'))
      test('refuses a test whose scripts the farm does not allow', async () => {
        const before = farm.jobs.length;
        const { exitCode, stderr } = await estimate(
          [...SMALL, '--on-farm', '--allow-scripts'],
          farm.environment,
        );
        expect(exitCode).toBe(2);
        expect(stderr).toContain('this farm does not allow scripts');
        expect(farm.jobs).toHaveLength(before);
      });
  });
