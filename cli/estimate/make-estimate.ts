import { renderFolder } from '../../core/contract/keys';
import type { RenderPrices } from '../../core/cost/render-cost';
import type { Storage } from '../../core/storage/storage';
import type { Machine } from '../local/machine';
import { createMeter } from '../meter';
import { createProgressView } from '../progress-view';
import type { AskedFarm, FarmSize } from './asked-farm';
import { estimateShot, type Estimate } from './estimate-shot';
import { planShot, type Shot } from './shot';
import { testHere } from './test-here';
import { testOnFarm } from './test-on-farm';
import { makeThumbnails } from './thumbnails';

export interface EstimateRequest {
  readonly shot: Shot;
  /** Where to test: this machine, where it is absent. */
  readonly testOn?: AskedFarm | undefined;
  readonly testFrames: number;
  /** A folder of this machine, for the test's own folder. */
  readonly output: URL;
  readonly machine: Machine;
  /** Told when the test is done. */
  readonly farm: Promise<FarmSize>;
  readonly pricesOf: (farm: FarmSize) => Promise<RenderPrices>;
  readonly storage: Storage;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** Tests a shot and reckons with what came out; progress goes to standard error. `undefined` when it was asked to stop. */
export async function makeEstimate(request: EstimateRequest): Promise<Estimate | undefined> {
  const { shot, testOn, testFrames, output, machine, storage, signal, say } = request;
  const { stderr } = process;
  const common = { testFrames, storage, signal };
  const meter = createMeter(stderr, Date.now);
  const test = testOn
    ? await testOnFarm(shot, { ...common, farm: testOn, meter, upload: { say, meter, now: Date.now } })
    : await testHere(shot, { ...common, machine, output, view: createProgressView(stderr, Date.now) });
  if (!test) return undefined;
  const name = decodeURIComponent(test.folder.pathname.split('/').at(-2)!);
  const into = testOn ? renderFolder(output, name) : test.folder;
  const frames = test.results.frames.map(({ frame }) => frame);
  const thumbnails = await makeThumbnails(frames, test.folder, into, planShot(shot, 1), storage, signal);
  const farm = await request.farm;
  return estimateShot({ shot, test, thumbnails, machine, farm, prices: await request.pricesOf(farm) });
}
