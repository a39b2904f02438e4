import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SpotreelError } from '../../../../core/errors';
import { TAKEN_BACK } from '../../../../core/jobs/ensure-jobs';
import { type RenderRequest, submitRender, type SubmitServices } from '../../../../core/jobs/submit';
import { MemoryStorage } from '../../../support/memory-storage';
import { RecordingBatch } from '../../../support/recording-batch';
import { claimUrl, jobsUrl, renderFolder } from '../../../support/render-urls';

const SCENE = readFileSync(join(__dirname, '../../../fixtures/blend/3.4-zstd.blend'));
const source = new URL('memory://films/uploads/shot.blend');
const output = new URL('memory://films/renders/');
const folder = renderFolder(output, 'Take-1');
const STALE_AFTER_SECONDS = 100;

async function setUp() {
  const storage = new MemoryStorage();
  await storage.put(source, SCENE);
  const batch = new RecordingBatch();
  const clock = { seconds: 0 };
  const servicesOf = (owner: string): SubmitServices => ({
    storage,
    batch,
    jobQueue: 'queue',
    parallel: 2,
    renderDefinitions: [{ jobDefinition: 'render' }],
    stitchDefinition: 'stitch',
    now: () => new Date(clock.seconds * 1000),
    claim: { owner, staleAfterSeconds: STALE_AFTER_SECONDS },
  });
  const request: RenderRequest = {
    source: (await storage.head(source))!,
    output,
    options: { frames: '1-20', framesPerSlice: 8 },
    name: 'Take-1',
    reuse: 'any',
  };
  const names = () => batch.jobs.map(({ request: { jobName } }) => jobName);
  return { storage, batch, clock, servicesOf, request, names };
}

const PAIR = ['Take-1_Rendering', 'Take-1_Stitching'];
const lost = () => new SpotreelError('batch-unavailable', 'passing', 'no answer');
const refused = () => new SpotreelError('client-exception', 'usage', 'no such queue');

test('the claim is deleted once the jobs are noted', async () => {
  const { storage, servicesOf, request } = await setUp();
  await submitRender(request, servicesOf('a'));
  expect(await storage.head(claimUrl(folder))).toBeUndefined();
});

test('a second runner fails while the first submits', async () => {
  const { servicesOf, request, names } = await setUp();
  const results = await Promise.allSettled(
    ['a', 'b', 'c'].map((owner) => submitRender(request, servicesOf(owner))),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  expect(reasons).toEqual(
    Array(2).fill(expect.objectContaining({ code: 'being-submitted', kind: 'passing' })),
  );
  expect(names()).toEqual(PAIR);
});

test.each(['after', 'before'] as const)(
  'after a lost answer (%s the submission took effect) other runners wait until the claim is stale',
  async (when) => {
    const { batch, clock, servicesOf, request, names } = await setUp();
    batch.fault = (call, then) => {
      if (call === 'submitJob' && then === when) throw lost();
    };
    await expect(submitRender(request, servicesOf('a'))).rejects.toMatchObject({ code: 'batch-unavailable' });
    batch.fault = () => undefined;
    await expect(submitRender(request, servicesOf('b'))).rejects.toMatchObject({ code: 'being-submitted' });
    clock.seconds += STALE_AFTER_SECONDS + 1;
    await submitRender(request, servicesOf('c'));
    expect(names()).toEqual(PAIR);
  },
);

test('exactly one of many runners takes over a stale claim', async () => {
  const { storage, clock, servicesOf, request, names } = await setUp();
  const left = {
    owner: 'gone',
    claimedAt: new Date(0).toISOString(),
    staleAt: new Date(50_000).toISOString(),
  };
  await storage.put(claimUrl(folder), JSON.stringify(left));
  clock.seconds = 49;
  await expect(submitRender(request, servicesOf('early'))).rejects.toMatchObject({ code: 'being-submitted' });
  clock.seconds = 51;
  const owners = Array.from({ length: 10 }, (_, index) => `owner ${index}`);
  const results = await Promise.allSettled(owners.map((owner) => submitRender(request, servicesOf(owner))));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(names()).toEqual(PAIR);
});

test('an unreadable claim expires by its age', async () => {
  const { storage, clock, servicesOf, request, names } = await setUp();
  await storage.put(claimUrl(folder), 'torn');
  clock.seconds = Date.now() / 1000;
  await expect(submitRender(request, servicesOf('a'))).rejects.toMatchObject({ code: 'being-submitted' });
  clock.seconds += STALE_AFTER_SECONDS + 10;
  await submitRender(request, servicesOf('a'));
  expect(names()).toEqual(PAIR);
});

test('a claim is not replaced if storage fails to read it', async () => {
  const { storage, clock, servicesOf, request, names } = await setUp();
  await storage.put(claimUrl(folder), 'of a runner that submits');
  clock.seconds = Date.now() / 1000 + STALE_AFTER_SECONDS + 10;
  const get = storage.get.bind(storage);
  jest.spyOn(storage, 'get').mockImplementation(async (url) => {
    if (url.href === claimUrl(folder).href) throw lost();
    return get(url);
  });
  await expect(submitRender(request, servicesOf('a'))).rejects.toMatchObject({ code: 'batch-unavailable' });
  expect(names()).toEqual([]);
});

test('a runner submits nothing after its claim has become stale', async () => {
  const { batch, clock, servicesOf, request } = await setUp();
  batch.fault = (call) => {
    if (call === 'listJobs') clock.seconds += STALE_AFTER_SECONDS + 1;
  };
  await expect(submitRender(request, servicesOf('a'))).rejects.toMatchObject({
    code: 'claim-lost',
    kind: 'passing',
  });
  expect(batch.jobs).toEqual([]);
});

test('the next runner may try at once after a refusal', async () => {
  const { batch, servicesOf, request, names } = await setUp();
  batch.fault = (call) => {
    if (call === 'submitJob') throw refused();
  };
  await expect(submitRender(request, servicesOf('a'))).rejects.toMatchObject({ code: 'client-exception' });
  batch.fault = () => undefined;
  await submitRender(request, servicesOf('b'));
  expect(names()).toEqual(PAIR);
});

test('a repeated request makes no call of AWS Batch', async () => {
  const { batch, servicesOf, request } = await setUp();
  const { jobs } = await submitRender(request, servicesOf('a'));
  batch.fault = () => {
    throw new Error('called');
  };
  expect((await submitRender(request, servicesOf('b'))).jobs).toEqual(jobs);
});

test('the next runner adds the stitch job to a render job after a passing fault', async () => {
  const { batch, clock, servicesOf, request, names } = await setUp();
  batch.fault = (call, when) => {
    if (call === 'submitJob' && when === 'before' && batch.jobs.length === 1) throw lost();
  };
  await expect(submitRender(request, servicesOf('a'))).rejects.toMatchObject({ kind: 'passing' });
  expect(batch.alive()).toEqual(['Take-1_Rendering']);
  batch.fault = () => undefined;
  clock.seconds += STALE_AFTER_SECONDS + 1;
  await submitRender(request, servicesOf('b'));
  expect(names()).toEqual(PAIR);
});

describe('a refused stitch job', () => {
  async function refuseStitch() {
    const set = await setUp();
    set.batch.fault = (call, when) => {
      if (call === 'submitJob' && when === 'before' && set.batch.jobs.length === 1) throw refused();
    };
    await expect(submitRender(set.request, set.servicesOf('a'))).rejects.toThrow('no such queue');
    set.batch.fault = () => undefined;
    return set;
  }

  test('takes its render job back, and the next attempt submits both', async () => {
    const { batch, servicesOf, request } = await refuseStitch();
    expect(batch.alive()).toEqual([]);
    const { jobs } = await submitRender(request, servicesOf('b'));
    expect(batch.alive()).toEqual(PAIR);
    expect(batch.find(jobs.stitch.jobId).request.dependsOn?.[0]?.jobId).toBe(jobs.render.jobId);
  });

  test('causes a passing fault if its render job cannot be terminated', async () => {
    const { batch, servicesOf, request } = await setUp();
    const reasons: string[] = [];
    batch.fault = (call, when) => {
      if (when === 'after') return;
      if (call === 'submitJob' && batch.jobs.length === 1) throw refused();
      if (call === 'terminateJob') throw lost();
    };
    const terminate = batch.terminateJob.bind(batch);
    batch.terminateJob = async (jobId: string, reason?: string) => {
      reasons.push(String(reason));
      await terminate(jobId);
    };
    await expect(submitRender(request, servicesOf('a'))).rejects.toMatchObject({
      code: 'not-taken-back',
      kind: 'passing',
      message: expect.stringContaining('job-1'),
    });
    expect(reasons).toEqual([TAKEN_BACK]);
  });
});

test('an old stitch job is not used for a new render job', async () => {
  const { storage, batch, clock, servicesOf, request } = await setUp();
  await submitRender(request, servicesOf('a'));
  for (const job of batch.jobs) job.status = 'SUCCEEDED';
  batch.fault = (call, when) => {
    if (call === 'submitJob' && when === 'before' && batch.jobs.length === 3) throw lost();
  };
  const again = { ...request, reuse: 'unfinished' } as const;
  await expect(submitRender(again, servicesOf('b'))).rejects.toMatchObject({ kind: 'passing' });
  batch.fault = () => undefined;
  await storage.delete(jobsUrl(folder));
  clock.seconds += STALE_AFTER_SECONDS + 1;
  const { jobs } = await submitRender({ ...request, reuse: 'unfailed' }, servicesOf('c'));
  expect(jobs).toMatchObject({ render: { jobId: 'job-3' }, stitch: { jobId: 'job-4' } });
});

test('jobs are found by name if jobs.json is damaged', async () => {
  const { storage, servicesOf, request, names } = await setUp();
  const { jobs } = await submitRender(request, servicesOf('a'));
  await storage.put(jobsUrl(folder), '');
  expect((await submitRender(request, servicesOf('b'))).jobs).toEqual(jobs);
  expect(names()).toEqual(PAIR);
});

test('the same scene in another folder has its own jobs of the same names', async () => {
  const { storage, batch, servicesOf, request } = await setUp();
  const first = await submitRender(request, servicesOf('a'));
  const elsewhere = { ...request, output: new URL('memory://films/previews/') };
  const second = await submitRender(elsewhere, servicesOf('b'));
  expect(batch.alive()).toEqual([...PAIR, ...PAIR]);
  await storage.delete(jobsUrl(folder));
  expect((await submitRender(request, servicesOf('c'))).jobs).toEqual(first.jobs);
  expect(second.jobs.render.jobId).not.toBe(first.jobs.render.jobId);
});
