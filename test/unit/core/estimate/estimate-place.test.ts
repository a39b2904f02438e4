import { estimateCost } from '../../../../core/estimate/estimate-cost';
import { estimatePlace, threadFactor } from '../../../../core/estimate/estimate-place';
import type { VcpuPrices } from '../../../../core/cost/prices';
import { manifestFor } from '../../../support/stored-render';

const pace = { frameSeconds: { low: 8, middle: 10, high: 20 }, startSeconds: 3 };
const place = { parallel: 2, factor: 1, videoThreads: 2, leadSeconds: 0 };
const frames = { video: 'none' } as const;

test('here: all slices of all frames, two at a time, and a tenth off at both ends', () => {
  const plan = manifestFor('shot', 100, { framesPerSlice: 25, sliceCount: 4, options: frames });
  const { machineSeconds, wallSeconds, videoSeconds } = estimatePlace(pace, plan, place);
  expect(machineSeconds).toEqual({
    low: expect.closeTo(812 * 0.9, 6),
    middle: 1012,
    high: expect.closeTo(2012 * 1.1, 6),
  });
  expect(wallSeconds).toEqual({
    low: expect.closeTo(406 * 0.9, 6),
    middle: 506,
    high: expect.closeTo(1006 * 1.1, 6),
  });
  expect(videoSeconds).toBe(0);
});

test('a last round with one slice takes as long as a full one', () => {
  const plan = manifestFor('shot', 90, { framesPerSlice: 30, sliceCount: 3, options: frames });
  expect(estimatePlace(pace, plan, place).wallSeconds.middle).toBeCloseTo(2 * 303, 6);
});

test('with four times the threads in a quarter of the time, Blender’s starts and the machines’ apart', () => {
  const plan = manifestFor('shot', 100, { framesPerSlice: 2, sliceCount: 50, options: frames });
  const there = { ...place, parallel: 50, factor: threadFactor(1, 4), leadSeconds: 300 };
  const { machineSeconds, wallSeconds } = estimatePlace(pace, plan, there);
  expect(machineSeconds.middle).toBeCloseTo(100 * 2.5 + 50 * 3, 6);
  expect(wallSeconds.middle).toBeCloseTo(300 + 2 * 2.5 + 3, 6);
});

test('the video takes what it has been measured to', () => {
  const plan = manifestFor('shot', 240, { resolution: { width: 1920, height: 1080 } });
  const { videoSeconds, wallSeconds } = estimatePlace(pace, plan, { ...place, parallel: 1 });
  expect(videoSeconds).toBeCloseTo(4 + (240 * 2.0736 * 0.07) / 2, 6);
  expect(wallSeconds.middle).toBeCloseTo(2403 + videoSeconds, 6);
});

test('cost: the quickest frames at the lowest prices to the slowest at the highest', () => {
  const prices: VcpuPrices = {
    spot: { low: 0.01, middle: 0.02, high: 0.03 },
    onDemand: { low: 0.04, middle: 0.05, high: 0.06 },
    source: 'table',
    at: '2026-01-01',
    region: 'us-east-1',
    notes: [],
  };
  const estimate = {
    machineSeconds: { low: 3600, middle: 7200, high: 10_800 },
    videoSeconds: 0,
    wallSeconds: { low: 0, middle: 0, high: 0 },
  };
  const { spot, onDemand } = estimateCost(
    estimate,
    { renderVcpus: 4, stitchVcpus: 2 },
    { render: prices, stitch: prices },
  );
  expect(Object.values(spot).map((usd) => usd.toFixed(6))).toEqual(['0.040000', '0.160000', '0.360000']);
  expect(Object.values(onDemand).map((usd) => usd.toFixed(6))).toEqual(['0.160000', '0.400000', '0.720000']);
});
