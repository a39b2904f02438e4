import fc from 'fast-check';
import { estimateCost, estimatePlace, framePace, threadFactor } from '../../../../core/cost/estimate';
import type { VcpuPrices } from '../../../../core/cost/prices';
import { manifestFor } from '../../../support/stored-render';

describe('estimate place', () => {
  const pace = { frameSeconds: { low: 8, middle: 10, high: 20 }, startSeconds: 3 };
  const place = { parallel: 2, factor: 1, videoThreads: 2, leadSeconds: 0 };
  const frames = { video: 'none' } as const;

  test('two slices run at a time, and the range is 10 % wider at both ends', () => {
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

  test('four times the threads quarter the frame time but not the time that Blender and machines take to start', () => {
    const plan = manifestFor('shot', 100, { framesPerSlice: 2, sliceCount: 50, options: frames });
    const there = { ...place, parallel: 50, factor: threadFactor(1, 4), leadSeconds: 300 };
    const { machineSeconds, wallSeconds } = estimatePlace(pace, plan, there);
    expect(machineSeconds.middle).toBeCloseTo(100 * 2.5 + 50 * 3, 6);
    expect(wallSeconds.middle).toBeCloseTo(300 + 2 * 2.5 + 3, 6);
  });

  test('the time of the video follows the measured rate', () => {
    const plan = manifestFor('shot', 240, { resolution: { width: 1920, height: 1080 } });
    const { videoSeconds, wallSeconds } = estimatePlace(pace, plan, { ...place, parallel: 1 });
    expect(videoSeconds).toBeCloseTo(4 + (240 * 2.0736 * 0.07) / 2, 6);
    expect(wallSeconds.middle).toBeCloseTo(2403 + videoSeconds, 6);
  });

  test('the cost ranges from the fastest frames at the lowest prices to the slowest at the highest', () => {
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
    expect(Object.values(onDemand).map((usd) => usd.toFixed(6))).toEqual([
      '0.160000',
      '0.400000',
      '0.720000',
    ]);
  });
});

describe('frame pace', () => {
  const shot = (end: number) => [{ start: 1, end, step: 1 }];

  test('the pace of fully tested frames is their mean', () => {
    const tested = [3, 5, 10].map((seconds, i) => ({ frame: i + 1, seconds }));
    expect(framePace(tested, shot(3))).toEqual({ low: 3, middle: 6, high: 10 });
  });

  test('black first and last frames affect only frames near them', () => {
    const tested = [
      { frame: 1, seconds: 0 },
      { frame: 51, seconds: 10 },
      { frame: 101, seconds: 0 },
    ];
    const { middle } = framePace(tested, shot(101));
    // 0, 0.2, … 10, … 0.2, 0.
    expect(middle).toBeCloseTo(500 / 101, 10);
  });

  test('a single tested frame gives a range of one value', () => {
    expect(framePace([{ frame: 50, seconds: 7 }], shot(100))).toEqual({ low: 7, middle: 7, high: 7 });
  });

  test('frames before the first and after the last tested frame take as long as that frame', () => {
    const tested = [
      { frame: 3, seconds: 4 },
      { frame: 4, seconds: 6 },
    ];
    // 4 4 4 6 6 6
    expect(framePace(tested, shot(6)).middle).toBeCloseTo(5, 10);
  });

  test('the distance of frames is their distance in the plan, not of their numbers', () => {
    const tested = [
      { frame: 10, seconds: 1 },
      { frame: 1000, seconds: 2 },
      { frame: 1010, seconds: 3 },
    ];
    const frames = [
      { start: 10, end: 10, step: 1 },
      { start: 1000, end: 1010, step: 10 },
    ];
    expect(framePace(tested, frames).middle).toBe(2);
  });

  test('the mean pace is the mean of the line through the tested frames and stays within their range', () => {
    const seconds = fc.double({ min: 0, max: 1e4, noNaN: true });
    const points = fc.dictionary(fc.integer({ min: 1, max: 60 }).map(String), seconds, { minKeys: 1 });
    fc.assert(
      fc.property(points, (known) => {
        const tested = Object.entries(known)
          .map(([frame, one]) => ({ frame: Number(frame), seconds: one }))
          .toSorted((a, b) => a.frame - b.frame);
        const { low, middle, high } = framePace(tested, shot(60));
        const line = Array.from({ length: 60 }, (_, i) => lineAt(i + 1, tested));
        expect(middle).toBeCloseTo(line.reduce((sum, one) => sum + one, 0) / 60, 6);
        expect(middle).toBeGreaterThanOrEqual(low - 1e-6);
        expect(middle).toBeLessThanOrEqual(high + 1e-6);
      }),
    );
  });

  function lineAt(frame: number, tested: ReadonlyArray<{ frame: number; seconds: number }>): number {
    const after = tested.find((one) => one.frame >= frame) ?? tested.at(-1)!;
    const before = tested.findLast((one) => one.frame <= frame) ?? tested[0]!;
    if (after.frame <= before.frame) return before.seconds;
    const part = (frame - before.frame) / (after.frame - before.frame);
    return before.seconds + part * (after.seconds - before.seconds);
  }
});
