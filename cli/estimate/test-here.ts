import { chooseTestFrames, testOptions } from '../../core/estimate/test-frames';
import type { Storage } from '../../core/storage/storage';
import { hasDisplay } from '../local/has-display';
import { LocalRender } from '../local/local-render';
import type { Machine } from '../local/machine';
import type { ProgressView } from '../progress-view';
import { planShot, testName, type Shot } from './shot';
import { conclude, type ShotTest } from './test-shot';

export interface TestHereOptions {
  /** Frames to render at least. */
  readonly testFrames: number;
  readonly machine: Machine;
  /** A folder of this machine, under which the test has its own. */
  readonly output: URL;
  readonly storage: Storage;
  readonly view: ProgressView;
  readonly signal: AbortSignal;
}

/**
 * Renders test frames of a shot on this machine as `render` would render all of it: as many Blenders at a time, as many threads
 * each. A render of its own, so that a second time what is there is told at once. `undefined` when it was asked to stop. Throws
 * what is wrong before anything is rendered, and what `conclude` throws.
 */
export async function testHere(shot: Shot, options: TestHereOptions): Promise<ShotTest | undefined> {
  const { machine, output, storage, view, signal } = options;
  const { parallel, threads } = machine;
  const plan = planShot(shot, parallel);
  const atATime = Math.min(parallel, plan.sliceCount);
  const testing = testOptions(shot.options, chooseTestFrames(plan, options.testFrames, atATime), atATime);
  const render = new LocalRender({
    source: shot.source,
    examination: shot.examination,
    filesCount: true,
    output,
    options: testing,
    name: testName(shot, testing, `${parallel}x${threads}`),
    machine,
    allowsScripts: shot.options.allowScripts === true,
    storage,
    hasDisplay: hasDisplay(process.env, process.platform),
    // The whole shot's have been told.
    report: () => undefined,
    view,
  });
  const interrupt = () => render.interrupt();
  signal.addEventListener('abort', interrupt);
  if (signal.aborted) interrupt();
  try {
    const { state, folder, manifest, progress } = await render.run();
    if (state === 'interrupted') return undefined;
    const [why] = progress.errors;
    return await conclude({ on: 'here', folder, atATime, threads }, shot, plan, manifest, storage, why);
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}
