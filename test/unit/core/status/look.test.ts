import { SpotreelError } from '../../../../core/errors';
import type { JobStatus } from '../../../../core/jobs/batch';
import { Render } from '../../../../core/render/render';
import { hasEnded } from '../../../../core/status/look';
import { MemoryStorage } from '../../../support/memory-storage';
import { RecordingBatch } from '../../../support/recording-batch';

const FOLDER = new URL('memory://films/renders/shot/');
const ENDED_AT = '2026-01-01T00:00:00.000Z';

const job = (jobId: string) => ({ jobId, jobName: jobId });
const JOBS = { render: job('render-2'), stitch: job('stitch-2') };
const status = (state: string, render = 'render-2', endedJob = render) => ({
  version: 1,
  renderId: 'shot',
  state,
  at: ENDED_AT,
  jobs: { render, stitch: render.replace('render', 'stitch') },
  endedJob,
  findings: [],
  links: { folder: 's3://films/renders/shot/' },
});
const salvage = (jobId?: string, renderJob = 'render-2') => ({
  version: 1,
  owner: 'a run of the Lambda',
  staleAt: '2026-01-01T00:00:00.000Z',
  renderJob,
  jobId,
});

test.each<[string, object, number, boolean]>([
  ['no status.json', { 'jobs.json': JOBS }, 0, false],
  ['complete', { 'jobs.json': JOBS, 'status.json': status('complete') }, 0, true],
  ['complete, without jobs.json', { 'status.json': status('complete') }, 0, true],
  ['rescued on On-Demand machines', { 'jobs.json': JOBS, 'status.json': status('rescuing') }, 900, false],
  ['refused', { 'status.json': status('refused') }, 0, true],
  [
    'the end of an earlier pair',
    { 'jobs.json': JOBS, 'status.json': status('failed', 'render-1') },
    900,
    false,
  ],
  [
    'failed just now, before a salvage job may follow',
    { 'jobs.json': JOBS, 'status.json': status('failed') },
    5,
    false,
  ],
  ['failed, and no salvage job followed', { 'jobs.json': JOBS, 'status.json': status('failed') }, 121, true],
  [
    'failed, and a salvage job followed',
    { 'jobs.json': JOBS, 'status.json': status('failed'), 'salvage.json': salvage('s') },
    900,
    false,
  ],
  [
    'failed, with the salvage job of an earlier pair',
    { 'jobs.json': JOBS, 'status.json': status('failed'), 'salvage.json': salvage('s', 'render-1') },
    121,
    true,
  ],
  [
    'failed, and the salvage job ended, too',
    { 'jobs.json': JOBS, 'status.json': status('failed', 'render-2', 's'), 'salvage.json': salvage('s') },
    0,
    true,
  ],
  [
    'only the stitch job failed just now',
    { 'jobs.json': JOBS, 'status.json': status('failed', 'render-2', 'stitch-2') },
    5,
    false,
  ],
])('hasEnded finds whether a render has ended: %s', async (_, files, seconds, ended) => {
  const storage = await storageWith(files);
  expect(await hasEnded({ render: Render.in(FOLDER, storage), now: after(seconds) })).toBe(ended);
});

async function storageWith(files: object): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  for (const [name, content] of Object.entries(files)) {
    await storage.put(new URL(name, FOLDER), JSON.stringify(content));
  }
  return storage;
}

const after = (seconds: number) => () => Date.parse(ENDED_AT) + seconds * 1000;

test.each<[string, JobStatus | 'unknown' | 'denied', boolean]>([
  ['runs', 'RUNNING', false],
  ['failed', 'FAILED', true],
  ['is forgotten', 'unknown', true],
  ['may not be described', 'denied', false],
])('hasEnded finds whether a failed render has ended whose salvage job %s', async (_, told, ended) => {
  const storage = await storageWith({
    'jobs.json': JOBS,
    'status.json': status('failed'),
    'salvage.json': salvage('job-1'),
  });
  const batch = new RecordingBatch();
  if (told === 'denied') {
    batch.describeJobs = async () => {
      throw new SpotreelError('client-exception', 'usage', 'not allowed');
    };
  } else if (told !== 'unknown') {
    await batch.submitJob({ jobName: 'shot_Salvaging', jobQueue: 'queue', jobDefinition: 'stitch' });
    batch.find('job-1').status = told;
  }
  expect(await hasEnded({ render: Render.in(FOLDER, storage), batch, now: after(900) })).toBe(ended);
});
