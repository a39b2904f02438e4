import {
  BatchClient,
  DescribeJobsCommand,
  ListJobsCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { mockClient } from 'aws-sdk-client-mock';
import { AwsBatch } from '../../../../core/jobs/aws-batch';
import type { JobStatus } from '../../../../core/jobs/batch';
import { cancelJobs, livingJobs } from '../../../../core/jobs/cancel';
import { workerArgv } from '../../../../core/jobs/worker';
import { Render } from '../../../../core/render/render';
import { MemoryStorage } from '../../../support/memory-storage';

const mock = mockClient(BatchClient);
const batch = new AwsBatch(new BatchClient({ region: 'eu-central-1' }));
const folder = new URL('memory://films/renders/shot/');

/** A fake of AWS Batch: a terminated job fails after so many looks. */
const jobs = new Map<
  string,
  { status: JobStatus; looksLeft: number; isTerminated?: boolean; name?: string }
>();

/** The command of jobs that have a name. */
const COMMAND = workerArgv({
  command: 'stitch',
  input: 'memory://films/renders/shot',
  output: 'memory://films/renders/shot',
});

beforeEach(() => {
  mock.reset();
  jobs.clear();
  mock.on(ListJobsCommand).callsFake(({ filters }: { filters: [{ values: [string] }] }) => ({
    jobSummaryList: [...jobs].flatMap(([jobId, { name = '', status }]) =>
      filters[0].values[0] === name ? [{ jobId, jobName: name, status, createdAt: 1 }] : [],
    ),
  }));
  mock.on(DescribeJobsCommand).callsFake(({ jobs: ids }: { jobs: string[] }) => ({
    jobs: ids.flatMap((jobId) => {
      const job = jobs.get(jobId);
      if (!job) return [];
      if (job.isTerminated && (job.looksLeft -= 1) < 0) job.status = 'FAILED';
      return [
        {
          jobId,
          jobName: `shot_${jobId}`,
          jobQueue: 'q',
          jobDefinition: 'd',
          status: job.status,
          startedAt: 0,
          ...(job.name !== undefined && { container: { command: COMMAND } }),
        },
      ];
    }),
  }));
  mock.on(TerminateJobCommand).callsFake(({ jobId }: { jobId: string }) => {
    jobs.get(jobId)!.isTerminated = true;
    return {};
  });
});

async function renderWith(files: Record<string, object>) {
  const storage = new MemoryStorage();
  for (const [name, content] of Object.entries(files)) {
    await storage.put(new URL(name, folder), JSON.stringify(content));
  }
  return { render: Render.in(folder, storage), batch };
}

const NOTED = {
  render: { jobId: 'render', jobName: 'shot_render' },
  stitch: { jobId: 'stitch', jobName: 'shot_stitch' },
};
const terminated = () => mock.commandCalls(TerminateJobCommand).map(({ args }) => args[0].input.jobId);

function watched() {
  const said: string[] = [];
  const paused: number[] = [];
  const pause = async (seconds: number) => void paused.push(seconds);
  return { said, paused, wait: { say: (text: string) => void said.push(text), pause } };
}

test('cancelJobs terminates all jobs of a render and waits until AWS Batch reports their end', async () => {
  jobs.set('render', { status: 'RUNNING', looksLeft: 3 });
  jobs.set('stitch', { status: 'PENDING', looksLeft: 0 });
  const { said, paused, wait } = watched();
  expect(await cancelJobs(await renderWith({ 'jobs.json': NOTED }), wait)).toBe(2);
  expect(terminated()).toEqual(['stitch', 'render']);
  expect(paused).toEqual([1, 2, 4, 8]);
  expect(said.at(-1)).toBe('stopping: shot_render (RUNNING)');
  expect([...jobs.values()].map(({ status }) => status)).toEqual(['FAILED', 'FAILED']);
});

test('cancelJobs terminates a salvage job that is submitted meanwhile', async () => {
  jobs.set('render', { status: 'RUNNING', looksLeft: 1 });
  jobs.set('stitch', { status: 'FAILED', looksLeft: 0 });
  jobs.set('salvage', { status: 'RUNNABLE', looksLeft: 0 });
  const render = await renderWith({ 'jobs.json': NOTED });
  const { wait } = watched();
  const pause = async () =>
    render.render.storage.put(
      new URL('salvage.json', folder),
      JSON.stringify({
        version: 1,
        renderJob: 'render',
        owner: 'a run of the Lambda',
        staleAt: '2026-01-01T00:00:00.000Z',
        jobId: 'salvage',
      }),
    );
  expect(await cancelJobs(render, { ...wait, pause })).toBe(2);
  expect(terminated()).toEqual(['render', 'salvage']);
});

test('cancelJobs ignores jobs that have ended or are forgotten', async () => {
  jobs.set('render', { status: 'SUCCEEDED', looksLeft: 0 });
  expect(await cancelJobs(await renderWith({ 'jobs.json': NOTED }), watched().wait)).toBe(0);
  expect(terminated()).toEqual([]);
});

test('cancelJobs names a job that does not stop', async () => {
  jobs.set('render', { status: 'RUNNING', looksLeft: 1e9 });
  const { paused, wait } = watched();
  const cancelled = cancelJobs(await renderWith({ 'jobs.json': NOTED }), wait);
  await expect(cancelled).rejects.toMatchObject({
    code: 'still-stopping',
    message: expect.stringContaining('still stopping: shot_render (RUNNING)'),
  });
  expect(terminated()).toEqual(['render']);
  expect(Math.max(...paused)).toBe(15);
  expect(paused.length).toBeLessThan(60);
});

test('livingJobs fails while jobs are being submitted, but ignores a stale claim', async () => {
  const claim = (staleAt: string) => ({ 'submitting.json': { owner: 'o', claimedAt: staleAt, staleAt } });
  const held = await renderWith(claim('2999-01-01T00:00:00.000Z'));
  await expect(livingJobs(held)).rejects.toMatchObject({ code: 'being-submitted' });
  expect(await livingJobs(await renderWith(claim('2020-01-01T00:00:00.000Z')))).toEqual([]);
});

test('livingJobs finds jobs by their names if none are noted', async () => {
  jobs.set('render', { status: 'RUNNING', looksLeft: 0, name: 'shot_Rendering' });
  const farm = { jobQueue: 'q' };
  const living = await livingJobs({ ...(await renderWith({})), farm });
  expect(living.map(({ jobId }) => jobId)).toEqual(['render']);
});

test('cancelJobs finds jobs of a planned retry by their names', async () => {
  jobs.set('render', { status: 'FAILED', looksLeft: 0 });
  jobs.set('retried', { status: 'RUNNING', looksLeft: 0, name: 'shot_Retry2_Rendering' });
  const plan = {
    version: 1,
    number: 2,
    createdAt: '2026-01-01T00:00:00.000Z',
    why: 'asked',
    slices: [],
    frames: [],
    jobQueue: 'q',
  };
  const retry = { number: 1, why: 'asked', slices: 1, frames: 1 };
  const render = await renderWith({ 'jobs.json': { ...NOTED, retry }, 'retries/2.json': plan });
  expect(await cancelJobs(render, watched().wait)).toBe(1);
  expect(terminated()).toEqual(['retried']);
});
