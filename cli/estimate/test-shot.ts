import type { Manifest } from '../../core/contract/manifest';
import { SpotreelError } from '../../core/errors';
import { framePace } from '../../core/estimate/frame-pace';
import type { TestedPace } from '../../core/estimate/estimate-place';
import { readTest, type TestResults } from '../../core/estimate/read-test';
import { formatLocation } from '../../core/storage/location';
import type { Storage } from '../../core/storage/storage';
import type { Shot } from './shot';

/** Some frames of a shot, rendered. */
export interface ShotTest {
  readonly on: 'here' | 'farm';
  /** Of the render of these frames. */
  readonly folder: URL;
  /** Frames that were rendered at a time, as many as a render of the whole shot would have. */
  readonly atATime: number;
  /** That each of them had: of this machine, or vCPUs of the farm's. */
  readonly threads: number;
  readonly results: TestResults;
  readonly pace: TestedPace;
}

/** What a test came to. Throws `no-test-frame` where nothing of it came out, with the first reason. */
export async function conclude(
  test: Omit<ShotTest, 'results' | 'pace'>,
  { source }: Shot,
  plan: Manifest,
  manifest: Manifest,
  storage: Storage,
  why: string | undefined,
): Promise<ShotTest> {
  const results = await readTest(manifest, test.folder, storage);
  const { frames, startSeconds, failures } = results;
  if (frames.length > 0)
    return { ...test, results, pace: { frameSeconds: framePace(frames, plan.frames), startSeconds } };
  const [first] = failures;
  const reason = why ?? (first ? `frame ${first.frame}: ${first.reason}` : 'nobody said why');
  const message = `none of the test frames of ${formatLocation(source.url)} came out: ${reason}`;
  throw new SpotreelError('no-test-frame', 'scene', message);
}
