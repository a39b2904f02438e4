import { type CapServices, watchCaps } from '../../../../core/cost/watch-caps';
import { setCap, submitRender } from '../../../../core/jobs/submit';
import type { SliceReport } from '../../../../core/render/records';
import { Render } from '../../../../core/render/render';
import type { Storage } from '../../../../core/storage/storage';
import { capUrl, sliceReportUrl } from '../../../support/render-urls';
import { setUpSubmit } from '../../../support/submit-scene';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const T0 = Date.UTC(2026, 0, 1);
const iso = (at: number) => new Date(at).toISOString();

/** Price per vCPU-hour on the most expensive machine: a slice of two vCPUs costs a dollar per hour. */
const prices = {
  spot: { low: 0.1, middle: 0.3, high: 0.5 },
  onDemand: { low: 1, middle: 1, high: 1 },
  source: 'account' as const,
  at: '2026-01-01',
  region: 'eu-central-1',
};

/** A submitted render of three slices with this cap, and the services that watch it. */
async function setUp(maxUsd: number, more: Partial<CapServices> = {}) {
  const { services: submit, request, storage, batch } = await setUpSubmit();
  const cap = { maxUsd, at: iso(0), prices };
  const { render, manifest, jobs } = await submitRender({ ...request, name: 'shot', cap }, submit);
  expect(manifest.sliceCount).toBe(3);
  const services: CapServices = {
    output: request.output,
    storage,
    batch,
    machines: { renderVcpus: 2, stitchVcpus: 1, instanceTypes: ['m6i'] },
    region: 'eu-central-1',
    digests: new Map(),
    now: () => new Date(T0 + HOUR),
    ...more,
  };
  const job = batch.find(jobs.render.jobId);
  job.status = 'RUNNING';
  const report = (slice: number, from: number, to?: number) => {
    const attempt = {
      attempt: 1,
      startedAt: iso(T0 + from),
      ...(to !== undefined && { stoppedAt: iso(T0 + to), exitCode: 0 }),
      kept: 0,
      frames: [],
      failed: [],
    };
    const written: SliceReport = { version: 1, slice, attempts: [attempt] };
    return storage.put(sliceReportUrl(render.folder, slice), JSON.stringify(written));
  };
  return { services, storage, batch, folder: render.folder, job, report, submit, request };
}

/** The same storage, which records the names of its calls. */
function counted(storage: Storage): { readonly storage: Storage; readonly calls: string[] } {
  const calls: string[] = [];
  const handler: ProxyHandler<Storage> = {
    get: (target, name) => {
      calls.push(String(name));
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  };
  return { storage: new Proxy(storage, handler), calls };
}

test('watchCaps makes one listing if there are no caps', async () => {
  const { storage: plain, services: submit, batch } = await setUpSubmit();
  const { storage, calls } = counted(plain);
  const output = new URL('memory://films/renders/');
  const machines = { renderVcpus: 2, stitchVcpus: 1, instanceTypes: ['m6i'] };
  const services = { output, storage, batch, machines, region: 'x', digests: new Map(), now: submit.now };
  expect(await watchCaps(services)).toEqual([]);
  expect(calls).toEqual(['list']);
});

test('submitRender writes the cap before it submits jobs, and not into the manifest', async () => {
  const { request, services, storage, batch } = await setUpSubmit();
  let seen: Promise<unknown> | undefined;
  batch.fault = (call, when) => {
    if (call === 'submitJob' && when === 'before')
      seen ??= Render.at(request.output, 'shot', storage).cap.readIfValid();
  };
  const cap = { maxUsd: 3, at: iso(0) };
  const { manifest } = await submitRender({ ...request, name: 'shot', cap }, services);
  expect(await seen).toMatchObject({ maxUsd: 3 });
  expect(JSON.stringify(manifest)).not.toContain('maxUsd');
});

test('watchCaps leaves a render below its cap alone', async () => {
  const { services, job, report } = await setUp(5);
  await report(0, 0, HOUR);
  expect(await watchCaps(services)).toEqual([{ renderId: 'shot', outcome: 'kept', usd: 1, maxUsd: 5 }]);
  expect(job.status).toBe('RUNNING');
});

test('watchCaps stops a render that reaches its cap and deletes the cap after the end', async () => {
  const { services, storage, folder, job, report, batch } = await setUp(1.5);
  await report(0, 0, HOUR);
  await report(1, 0, HOUR);
  expect(await watchCaps(services)).toMatchObject([{ outcome: 'stopped', usd: 2, maxUsd: 1.5 }]);
  expect(job).toMatchObject({
    status: 'FAILED',
    statusReason: 'stopped at its cap of 1.50 USD: at the highest prices 2.00 USD are spent',
  });
  expect(await Render.in(folder, storage).cap.readIfValid()).toMatchObject({
    stopped: { jobId: job.jobId, usd: 2 },
  });
  // AWS Batch needs some time to end all children.
  job.status = 'RUNNING';
  expect(await watchCaps(services)).toMatchObject([{ outcome: 'stopping' }]);
  expect(batch.find(job.jobId).status).toBe('FAILED');
  expect(await watchCaps(services)).toMatchObject([{ outcome: 'removed' }]);
  expect(await watchCaps(services)).toEqual([]);
  expect(services.digests.size).toBe(0);
});

test('a running slice costs up to now even if its report is older', async () => {
  const { services, job, report } = await setUp(1.5);
  await report(0, 0);
  expect(await watchCaps(services)).toMatchObject([{ outcome: 'kept', usd: 1 }]);
  const later = { ...services, now: () => new Date(T0 + 2 * HOUR) };
  expect(await watchCaps(later)).toMatchObject([{ outcome: 'stopped', usd: 2 }]);
  expect(job.status).toBe('FAILED');
});

test('a slice that lost its machine costs nothing while it waits for another', async () => {
  const { services, job, report } = await setUp(1.5);
  await report(0, 0);
  job.status = 'RUNNABLE';
  expect(await watchCaps(services)).toMatchObject([{ outcome: 'kept', usd: 0 }]);
});

test('watchCaps uses the built-in prices, with GPUs where jobs need them, if the cap has no prices', async () => {
  const { services, storage, folder, report } = await setUp(100);
  await report(0, 0, HOUR);
  await setCap({ version: 1, renderId: 'shot', maxUsd: 100, at: iso(1) }, Render.in(folder, storage));
  const machines = { ...services.machines, gpuInstanceTypes: ['g5'] };
  const [byCpu] = await watchCaps({ ...services, machines });
  const [byGpu] = await watchCaps({ ...services, machines, gpuJobQueue: 'queue' });
  expect(byCpu!.usd).toBeGreaterThan(0);
  expect(byGpu!.usd).toBeGreaterThan(byCpu!.usd!);
});

test('a cap that is raised during a look stops nothing', async () => {
  const { services, storage, folder, job, report } = await setUp(0.5);
  await report(0, 0, HOUR);
  const raising: CapServices = {
    ...services,
    now: () => {
      // Called after the cost is known and before it is noted.
      void setCap({ version: 1, renderId: 'shot', maxUsd: 5, at: iso(T0) }, Render.in(folder, storage));
      return new Date(T0 + HOUR);
    },
  };
  expect(await watchCaps(raising)).toMatchObject([{ outcome: 'kept' }]);
  expect(job.status).toBe('RUNNING');
  const cap = { maxUsd: 5, prices };
  await setCap({ version: 1, renderId: 'shot', ...cap, at: iso(T0 + 1) }, Render.in(folder, storage));
  expect(await watchCaps(services)).toMatchObject([{ outcome: 'kept', usd: 1, maxUsd: 5 }]);
});

test('a cap that is newer than the ended jobs waits for the next jobs', async () => {
  const { services, storage, folder, job } = await setUp(5);
  job.status = 'FAILED';
  // Later than the job, which has no time here.
  const at = iso(T0 + HOUR - 60 * SECOND);
  await setCap({ version: 1, renderId: 'shot', maxUsd: 8, at }, Render.in(folder, storage));
  expect(await watchCaps(services)).toMatchObject([{ outcome: 'waiting' }]);
  const later = { ...services, now: () => new Date(T0 + 3 * HOUR) };
  expect(await watchCaps(later)).toMatchObject([{ outcome: 'removed' }]);
});

test('a cap stays for a while after its render job has ended', async () => {
  const { services, storage, folder, job, batch } = await setUp(5);
  job.status = 'FAILED';
  const describing = Object.assign(Object.create(batch), {
    describeJobs: async (ids: string[]) =>
      (await batch.describeJobs(ids)).map((one) => ({ ...one, stoppedAt: T0 + HOUR })),
  });
  const at = (seconds: number): CapServices => ({
    ...services,
    batch: describing,
    now: () => new Date(T0 + HOUR + seconds * SECOND),
  });
  expect(await watchCaps(at(60))).toMatchObject([{ outcome: 'waiting' }]);
  expect(await Render.in(folder, storage).cap.readIfValid()).toMatchObject({ maxUsd: 5 });
  expect(await watchCaps(at(900))).toMatchObject([{ outcome: 'removed' }]);
});

test('a cap that was reached does not stop later jobs', async () => {
  const { services, storage, folder, job, report, submit, request } = await setUp(0.5);
  await report(0, 0, HOUR);
  expect(await watchCaps(services)).toMatchObject([{ outcome: 'stopped' }]);
  // Submitted again without a cap before the next look.
  const again = await submitRender({ ...request, name: 'shot', reuse: 'unfailed' }, submit);
  expect(again.jobs.render.jobId).not.toBe(job.jobId);
  expect(await watchCaps(services)).toMatchObject([{ outcome: 'removed' }]);
  expect(await storage.head(capUrl(folder))).toBeUndefined();
});

test('a cap that fails does not prevent that others are stopped', async () => {
  const { services, storage, job, report } = await setUp(0.5);
  await report(0, 0, HOUR);
  await storage.put(new URL('memory://films/caps/a.json'), 'no cap');
  await storage.put(new URL('memory://films/caps/b.txt'), 'no cap either');
  const cap = { version: 1, renderId: 'z', maxUsd: 1, at: iso(0) };
  await storage.put(new URL('memory://films/caps/z.json'), JSON.stringify(cap));
  await storage.put(
    new URL('memory://films/renders/z/jobs.json'),
    JSON.stringify({
      render: { jobId: 'lost', jobName: 'z' },
      stitch: { jobId: 'lost', jobName: 'z' },
    }),
  );
  const failing: CapServices = {
    ...services,
    batch: Object.assign(Object.create(services.batch), {
      describeJobs: (ids: string[]) =>
        ids[0] === 'lost' ? Promise.reject(new Error('not now')) : services.batch.describeJobs(ids),
    }),
  };
  const outcomes = await watchCaps(failing);
  expect(outcomes.map(({ renderId, outcome }) => [renderId, outcome])).toEqual([
    ['a', 'unreadable'],
    ['shot', 'stopped'],
    ['z', 'failed'],
  ]);
  expect(job.status).toBe('FAILED');
});
