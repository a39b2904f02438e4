import { ProveRun, type ProveServices } from '../../../../cli/prove/run';
import { SCENE } from '../../../../cli/prove/render-here';
import { SpotreelError } from '../../../../core/errors';
import { makeFarmDescription } from '../../../support/farm-description';
import { MemoryStorage } from '../../../support/memory-storage';
import { RecordingBatch } from '../../../support/recording-batch';

const passing = new SpotreelError('batch-unavailable', 'passing', 'AWS Batch is busy');
const denied = new SpotreelError('access-denied', 'usage', 'access denied');

/** A run of one minute with jobs that never start; `describe` is called before each description of jobs. */
function makeRun(describe: (call: number) => void, services: Partial<ProveServices> = {}) {
  const batch = new RecordingBatch();
  const describeJobs = batch.describeJobs.bind(batch);
  let calls = 0;
  batch.describeJobs = async (ids) => {
    describe(calls++);
    return describeJobs(ids);
  };
  let time = 0;
  return new ProveRun(makeFarmDescription(), 'prove-1', 1, {
    storage: new MemoryStorage(),
    batch,
    scene: SCENE,
    askAttempts: async () => 5,
    askAlarms: async () => ({ value: [] }),
    renderHere: async () => ({ cycles: { skipped: 'no Blender' }, eevee: { skipped: 'no Blender' } }),
    pause: async (seconds) => void (time += seconds * 1000),
    now: () => time,
    show: () => undefined,
    signal: new AbortController().signal,
    ...services,
  });
}

test('ProveRun looks again after a fault that passes', async () => {
  const run = makeRun((call) => {
    if (call === 0) throw passing;
  });
  const { jobs } = await run.findFacts();
  expect(Object.keys(jobs)).toEqual(['pair', 'after', 'held', 'eevee']);
});

test('ProveRun throws a passing fault that lasts until the end of the wait', async () => {
  const run = makeRun(() => {
    throw passing;
  });
  await expect(run.findFacts()).rejects.toBe(passing);
});

test('ProveRun stops the render here if AWS refuses to describe jobs', async () => {
  const skipped = { skipped: 'stopped' };
  let isStopped = false;
  const run = makeRun(
    () => {
      throw denied;
    },
    {
      renderHere: async (_, signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        isStopped = true;
        return { cycles: skipped, eevee: skipped };
      },
    },
  );
  await expect(run.findFacts()).rejects.toBe(denied);
  expect(isStopped).toBe(true);
});
