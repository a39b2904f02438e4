import { conclude, describeCost, describeProof } from '../../../../cli/prove/describe';
import { makeFarmDescription } from '../../../support/farm-description';

const machines = { renderVcpus: 4, stitchVcpus: 4, instanceTypes: ['m6i'] };

test('describeProof prints one line for each check, its fix, and the counts', () => {
  const text = describeProof([
    { name: 'machine', state: 'ok', found: '1 machine joined' },
    { name: 'cache', state: 'failed', found: 'no folder', fix: 'look at the machine' },
    { name: 'gpu', state: 'skipped', found: 'the farm has none' },
  ]);
  expect(text.split('\n')).toEqual([
    'ok       machine  1 machine joined',
    'failed   cache    no folder',
    '                  look at the machine',
    'skipped  gpu      the farm has none',
    '1 ok, 1 failed, 1 skipped',
  ]);
});

test('describeCost of a usual farm is cents', () => {
  const cost = describeCost({ ...makeFarmDescription(), machines }, 10);
  const [, high] = /to ([\d.]+) USD/.exec(cost) ?? [];
  expect(Number(high)).toBeLessThan(1);
});

test('describeCost adds the machine with a GPU', () => {
  const farm = makeFarmDescription();
  const withGpu = {
    ...farm,
    machines: { ...machines, gpuInstanceTypes: ['g5'] },
    gpu: { jobQueue: 'gpus', parallel: 1 },
  };
  const high = (text: string) => Number(/to ([\d.]+) USD/.exec(text)?.[1]);
  expect(high(describeCost(withGpu, 10))).toBeGreaterThan(high(describeCost({ ...farm, machines }, 10)));
});

const passed = { name: 'machine', state: 'ok', found: '1 machine joined' } as const;

test('conclude gives exit code 0 if nothing failed and nothing is left', () => {
  expect(conclude('main', [passed], []).exitCode).toBe(0);
});

test('conclude gives exit code 1 for a failed check', () => {
  expect(conclude('main', [{ ...passed, state: 'failed' }], []).exitCode).toBe(1);
});

test('conclude gives exit code 1 for files and jobs that are left, and lists them in JSON', () => {
  const left = ['jobs may still run: access denied'];
  const { exitCode, output } = conclude('main', [passed], left, true);
  expect(exitCode).toBe(1);
  expect(JSON.parse(output)).toEqual({ farm: 'main', checks: [passed], left });
});
