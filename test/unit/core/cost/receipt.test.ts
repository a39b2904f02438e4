import { describePrices, describeSpread, type VcpuPrices } from '../../../../core/cost/prices';
import {
  machinePools,
  machineUsage,
  makeReceipt,
  type ReceiptInput,
  renderCost,
  sliceUsage,
  stitchSeconds,
  tableRenderPrices,
  untilNow,
} from '../../../../core/cost/receipt';
import type { SliceAttempt, SliceReport } from '../../../../core/render/records';
import { reportFigures } from '../../../../core/render/slice-figures';
import { formatUsd } from '../../../../core/text';

describe('receipt', () => {
  const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();

  function attempt(number: number, from: number, changes: Partial<SliceAttempt>): SliceAttempt {
    return { attempt: number, startedAt: at(from), kept: 0, frames: [], failed: [], ...changes };
  }

  const rendered = (frame: number, seconds: number, storedAt: number) => ({
    frame,
    seconds,
    storedAt: at(storedAt),
    bytes: 9,
  });

  const SLICES: SliceReport[] = [
    {
      version: 1,
      slice: 0,
      attempts: [
        attempt(1, 0, { frames: [rendered(1, 40, 50)], stoppedAt: at(80), exitCode: 143 }),
        attempt(2, 100, { frames: [rendered(2, 50, 160)], stoppedAt: at(170), exitCode: 0 }),
      ],
    },
    {
      version: 1,
      slice: 2,
      attempts: [
        // Lost with its machine after frame 3.
        attempt(1, 20, { frames: [rendered(3, 60, 90)] }),
        attempt(1, 120, { onDemand: true, frames: [rendered(4, 20, 150)], stoppedAt: at(200), exitCode: 0 }),
      ],
    },
  ];

  const STITCH = {
    version: 1 as const,
    attempts: [
      { startedAt: at(300), stoppedAt: at(330), exitCode: 143 },
      // Lost with its machine, so its time is unknown.
      { startedAt: at(340) },
      { startedAt: at(400), stoppedAt: at(420), exitCode: 0 },
    ],
  };

  const MANIFEST = {
    renderId: 'shot-1',
    source: { url: 's3://films/uploads/shot.blend', etag: 'x', size: 1 },
    tags: { artist: 'ann' },
    frameCount: 6,
    sliceCount: 4,
  };

  const input = (changes: Partial<ReceiptInput> = {}): ReceiptInput => ({
    manifest: MANIFEST,
    slices: SLICES,
    stored: 4,
    stitch: STITCH,
    ended: true,
    costOf: () => undefined,
    at: new Date(at(500)),
    ...changes,
  });

  test('shows machine time, lost time and tags', () => {
    expect(makeReceipt(input())).toEqual({
      version: 1,
      renderId: 'shot-1',
      at: at(500),
      source: 's3://films/uploads/shot.blend',
      tags: { artist: 'ann' },
      frames: { total: 6, stored: 4, onDemand: 1 },
      attempts: 4,
      interruptions: 2,
      machineSeconds: {
        total: 80 + 70 + 70 + 80 + 50,
        slices: 300,
        onDemand: 80,
        stitch: 50,
        interrupted: 80 + 70,
        lost: 80 - 40 + (70 - 60),
      },
      frameSeconds: { quarter: 35, median: 45, threeQuarters: 52.5, slowest: { frame: 3, seconds: 60 } },
      slices: { machineSeconds: [150, 0, 150, 0], lostSeconds: [40, 0, 10, 0], attempts: [2, 0, 2, 0] },
    });
  });

  test('has the seconds that kept data saved', () => {
    const kept = attempt(1, 0, { persistentData: { savedSeconds: 90.04 }, stoppedAt: at(9), exitCode: 0 });
    const slices = [{ version: 1 as const, slice: 0, attempts: [kept] }];
    expect(makeReceipt(input({ slices })).keptData).toEqual({ savedSeconds: 90, off: [] });
  });

  test('lists slices that a retry rendered with more memory', () => {
    const slices: SliceReport[] = [
      {
        version: 1,
        slice: 1,
        attempts: [
          attempt(1, 0, { stoppedAt: at(30), exitCode: 65 }),
          attempt(1, 60, { memoryMib: 28_000, vcpus: 8, stoppedAt: at(100), exitCode: 143 }),
          attempt(2, 110, { memoryMib: 28_000, vcpus: 8, stoppedAt: at(120), exitCode: 0 }),
        ],
      },
    ];
    const { retriedMemory } = makeReceipt(input({ slices }));
    expect(retriedMemory).toEqual({ slices: 1, memoryMib: 28_000, machineSeconds: 50 });
  });

  test('shows the cost of the same seconds', () => {
    const machines = { renderVcpus: 4, stitchVcpus: 4, instanceTypes: ['m6i'] };
    const prices = tableRenderPrices(machines, false, 'us-east-1');
    const { cost } = makeReceipt(input({ costOf: (usage) => renderCost(usage, machines, prices) }));
    expect(cost?.onDemand.middle).toBeCloseTo((80 / 3600) * 4 * 0.048);
    expect(cost?.spot.middle).toBeCloseTo((220 / 3600) * 4 * 0.048 * 0.4);
    expect(cost?.stitch.middle).toBeCloseTo((50 / 3600) * 4 * 0.048 * 0.4);
  });

  test('counts an attempt without an end as interrupted unless it is the latest and the render runs', () => {
    const slices: SliceReport[] = [
      {
        version: 1,
        slice: 0,
        attempts: [attempt(1, 0, {}), attempt(1, 60, { frames: [rendered(1, 5, 90)] })],
      },
    ];
    const so = { slices, stitch: undefined };
    expect(makeReceipt(input({ ...so, ended: false }))).toMatchObject({ attempts: 2, interruptions: 1 });
    expect(makeReceipt(input({ ...so, ended: true }))).toMatchObject({
      interruptions: 2,
      machineSeconds: { total: 30, interrupted: 30, lost: 25 },
    });
  });

  test('has zeros if nothing ran', () => {
    const { frameSeconds, machineSeconds } = makeReceipt(input({ slices: [], stitch: undefined, stored: 0 }));
    expect(frameSeconds).toBeUndefined();
    expect(Object.values(machineSeconds)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('has less than 300 KB for 10,000 slices and 100,000 frames', () => {
    const slices = Array.from({ length: 10_000 }, (_, slice): SliceReport => {
      const frames = Array.from({ length: 10 }, (__, i) => rendered(slice * 10 + i, 12.3456789, slice + i));
      return {
        version: 1,
        slice,
        attempts: [attempt(1, slice, { frames, stoppedAt: at(slice + 1234.567), exitCode: 143 })],
      };
    });
    const manifest = { ...MANIFEST, sliceCount: 10_000, frameCount: 100_000 };
    const receipt = makeReceipt(input({ slices, manifest }));
    expect(receipt.slices.lostSeconds).toHaveLength(10_000);
    expect(JSON.stringify(receipt).length).toBeLessThan(300_000);
  });

  test('a running attempt at the video counts 0 seconds, or the time until now after untilNow', () => {
    expect(stitchSeconds(STITCH)).toBe(50);
    const going = { version: 1 as const, attempts: [...STITCH.attempts, { startedAt: at(500) }] };
    expect(stitchSeconds(going)).toBe(50);
    expect(stitchSeconds(untilNow(going, new Date(at(507))))).toBe(57);
    expect(stitchSeconds(untilNow(STITCH, new Date(at(507))))).toBe(50);
    expect(stitchSeconds(undefined)).toBe(0);
  });

  test('machineUsage separates time on Spot and On-Demand machines', () => {
    expect(machineUsage(reportFigures({ slices: SLICES }).stretches, STITCH)).toEqual({
      spotSeconds: 220,
      onDemandSeconds: 80,
      stitchSeconds: 50,
    });
  });
});

describe('render cost', () => {
  const MACHINES = { renderVcpus: 4, stitchVcpus: 2, instanceTypes: ['m6i'], gpuInstanceTypes: ['g5'] };

  const prices = (spot: number, onDemand: number, note: string): VcpuPrices => ({
    spot: { low: spot / 2, middle: spot, high: spot * 2 },
    onDemand: { low: onDemand, middle: onDemand, high: onDemand },
    source: 'account',
    at: '2026-11-23',
    region: 'us-east-1',
    notes: ['of both', note],
  });

  test('is hours times vCPUs times price', () => {
    const usage = { spotSeconds: 7200, onDemandSeconds: 3600, stitchSeconds: 1800 };
    const cost = renderCost(usage, MACHINES, {
      render: prices(0.02, 0.05, 'a'),
      stitch: prices(0.01, 9, 'b'),
    });
    expect(cost).toEqual({
      spot: { low: 0.08, middle: 0.16, high: 0.32 },
      onDemand: { low: 0.2, middle: 0.2, high: 0.2 },
      stitch: { low: 0.005, middle: 0.01, high: 0.02 },
      usd: { low: expect.closeTo(0.285), middle: expect.closeTo(0.37), high: expect.closeTo(0.54) },
      prices: { source: 'account', at: '2026-11-23', region: 'us-east-1', notes: ['of both', 'a', 'b'] },
    });
  });

  test('uses the vCPUs of jobs that had others than slices usually have', () => {
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

  test('prices the video of a render on GPUs without a GPU', () => {
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
  ])('%p US dollars are written as %p', (usd, text) => expect(formatUsd(usd)).toBe(text));

  test('in words', () => {
    expect(describeSpread({ low: 0.5, middle: 1, high: 2 })).toBe('0.50 to 2.00 USD, about 1.00');
    expect(describeSpread({ low: 1, middle: 1, high: 1 })).toBe('about 1.00 USD');
    expect(describeSpread({ low: 1e-6, middle: 1e-6, high: 1e-5 })).toBe('under 0.0001 USD');
    const of = { at: '2026-11-23', region: 'eu-west-1' };
    expect(describePrices({ source: 'account', ...of })).toContain(
      'EC2 reported to this account on 2026-11-23 in eu-west-1',
    );
    expect(describePrices({ source: 'table', ...of })).toContain('table of 2026-11-23');
  });
});
