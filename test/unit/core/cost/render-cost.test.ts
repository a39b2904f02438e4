import { describePrices, describeSpread } from '../../../../core/cost/describe-cost';
import { formatUsd } from '../../../../core/format-usd';
import { sliceUsage } from '../../../../core/cost/machine-usage';
import type { VcpuPrices } from '../../../../core/cost/prices';
import { machinePools, renderCost, tableRenderPrices } from '../../../../core/cost/render-cost';

const MACHINES = { renderVcpus: 4, stitchVcpus: 2, instanceTypes: ['m6i'], gpuInstanceTypes: ['g5'] };

const prices = (spot: number, onDemand: number, note: string): VcpuPrices => ({
  spot: { low: spot / 2, middle: spot, high: spot * 2 },
  onDemand: { low: onDemand, middle: onDemand, high: onDemand },
  source: 'account',
  at: '2026-11-23',
  region: 'us-east-1',
  notes: ['of both', note],
});

test('hours of jobs by their vCPUs by what each costs', () => {
  const usage = { spotSeconds: 7200, onDemandSeconds: 3600, stitchSeconds: 1800 };
  const cost = renderCost(usage, MACHINES, { render: prices(0.02, 0.05, 'a'), stitch: prices(0.01, 9, 'b') });
  expect(cost).toEqual({
    spot: { low: 0.08, middle: 0.16, high: 0.32 },
    onDemand: { low: 0.2, middle: 0.2, high: 0.2 },
    stitch: { low: 0.005, middle: 0.01, high: 0.02 },
    usd: { low: expect.closeTo(0.285), middle: expect.closeTo(0.37), high: expect.closeTo(0.54) },
    prices: { source: 'account', at: '2026-11-23', region: 'us-east-1', notes: ['of both', 'a', 'b'] },
  });
});

test('jobs that had other vCPUs than slices have cost by their own', () => {
  const usage = sliceUsage([
    { from: 0, to: 7_200_000 },
    { from: 0, to: 1_800_000, vcpus: 16 },
    { from: 0, to: 1_800_000, vcpus: 16 },
    { from: 0, to: 3_600_000, vcpus: 2, onDemand: true },
    { from: 0, to: 3_600_000, vcpus: 16, onDemand: true },
  ]);
  expect(usage).toEqual({
    spotSeconds: 10_800,
    onDemandSeconds: 7200,
    resized: [
      { vcpus: 16, spotSeconds: 3600, onDemandSeconds: 3600 },
      { vcpus: 2, spotSeconds: 0, onDemandSeconds: 3600 },
    ],
  });
  const price = prices(0.01, 0.05, 'a');
  const cost = renderCost({ ...usage, stitchSeconds: 0 }, MACHINES, { render: price, stitch: price });
  // 2 hours of 4 and one of 16; one of 2 and one of 16.
  expect(cost.spot.middle).toBeCloseTo(0.24);
  expect(cost.onDemand.middle).toBeCloseTo(0.9);
});

test('a render on GPUs has its video made without', () => {
  expect(machinePools(MACHINES, true)).toEqual({
    render: { instanceTypes: ['g5'], vcpus: 4, gpu: true },
    stitch: { instanceTypes: ['m6i'], vcpus: 2, gpu: false },
  });
  const { render, stitch } = tableRenderPrices(MACHINES, true, 'us-east-1');
  expect(render.onDemand.middle).toBeCloseTo(1.006 / 4);
  expect(stitch.onDemand.middle).toBe(0.048);
});

test.each([
  [0, '0.00'],
  [0.00001, 'under 0.0001'],
  [0.00421, '0.0042'],
  [0.0421, '0.042'],
  [0.1301, '0.13'],
  [12.4, '12.40'],
  [1204.4, '1,204'],
])('%p US dollars are told as %p', (usd, text) => expect(formatUsd(usd)).toBe(text));

test('in words', () => {
  expect(describeSpread({ low: 0.5, middle: 1, high: 2 })).toBe('0.50 to 2.00 USD, about 1.00');
  expect(describeSpread({ low: 1, middle: 1, high: 1 })).toBe('about 1.00 USD');
  expect(describeSpread({ low: 1e-6, middle: 1e-6, high: 1e-5 })).toBe('under 0.0001 USD');
  const of = { at: '2026-11-23', region: 'eu-west-1' };
  expect(describePrices({ source: 'account', ...of })).toContain(
    'EC2 told this account on 2026-11-23 in eu-west-1',
  );
  expect(describePrices({ source: 'table', ...of })).toContain('table of 2026-11-23');
});
