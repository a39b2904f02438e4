import type { Manifest } from '../../core/render/manifest';
import type { ShotTest } from './test-shot';

/** How far frames may differ. Pure. */
export function spreadAssumption(count: number): string {
  if (count === 1)
    return 'a single frame does not show how much frames differ: low and high are 10 % off, the usual difference between equal frames';
  return `low and high: every frame is as fast as the fastest, or as slow as the slowest, of ${count} test frames, plus 10 %; frames unlike all of these are not covered`;
}

/** How fast the other place is. Pure. */
export function placeAssumption(
  { on, threads }: Pick<ShotTest, 'on' | 'threads'>,
  threadsHere: number,
  threadsOnFarm: number,
  onGpu: boolean,
): string[] {
  if (onGpu) return ['a GPU of the farm is as fast as the one of the test'];
  const there = on === 'here' ? threadsOnFarm : threadsHere;
  const where = on === 'here' ? 'on a farm' : 'here';
  const more = on === 'here' ? '; --on-farm measures it' : '';
  return [
    `a frame takes ${(threads / there).toFixed(2)} times as long ${where}: ${there} threads instead of ${threads}, counting a vCPU as a thread${more}`,
  ];
}

/** Blenders with fewer frames load all data for each frame (`persistent_data.py`). */
const LEAST_FRAMES_TO_KEEP_DATA = 4;

/** Cycles may keep data between the frames of the shot, and did not in a test of so few frames. Pure. */
export function keptDataAssumption(
  testedFrames: number,
  atATime: number,
  { engine, frameCount, options }: Pick<Manifest, 'engine' | 'frameCount' | 'options'>,
): string[] {
  const isTested = testedFrames / atATime >= LEAST_FRAMES_TO_KEEP_DATA;
  const mayKeep = engine === 'CYCLES' && options.persistentData !== 'off';
  if (!mayKeep || isTested || frameCount < LEAST_FRAMES_TO_KEEP_DATA) return [];
  return [
    'test frames are too few for Cycles to keep data between them: if it does in the render (--persistent-data), the render may be faster and cheaper',
  ];
}
