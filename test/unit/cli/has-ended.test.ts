import { hasEnded } from '../../../cli/has-ended';
import { MemoryStorage } from '../../../core/storage/memory-storage';

const FOLDER = new URL('memory://films/renders/shot/');
const ENDED_AT = '2026-01-01T00:00:00.000Z';

const job = (jobId: string) => ({ jobId, jobName: jobId });
const JOBS = { render: job('render-2'), stitch: job('stitch-2') };
const status = (state: string, render = 'render-2', endedJob = render) => ({
  version: 1,
  renderId: 'shot',
  state,
  at: ENDED_AT,
  jobs: { render, stitch: 'stitch' },
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
  ['nothing is told', { 'jobs.json': JOBS }, 0, false],
  ['complete', { 'jobs.json': JOBS, 'status.json': status('complete') }, 0, true],
  ['complete, submitted by hand', { 'status.json': status('complete') }, 0, true],
  ['refused', { 'status.json': status('refused') }, 0, true],
  [
    'what an earlier pair came to',
    { 'jobs.json': JOBS, 'status.json': status('failed', 'render-1') },
    900,
    false,
  ],
  [
    'failed just now: a salvage job may follow',
    { 'jobs.json': JOBS, 'status.json': status('failed') },
    5,
    false,
  ],
  ['failed, and none followed', { 'jobs.json': JOBS, 'status.json': status('failed') }, 121, true],
  [
    'failed, and one followed',
    { 'jobs.json': JOBS, 'status.json': status('failed'), 'salvage.json': salvage('s') },
    900,
    false,
  ],
  [
    'failed, and one of an earlier pair lies there',
    { 'jobs.json': JOBS, 'status.json': status('failed'), 'salvage.json': salvage('s', 'render-1') },
    121,
    true,
  ],
  [
    'it came to an end, too',
    { 'jobs.json': JOBS, 'status.json': status('failed', 'render-2', 's'), 'salvage.json': salvage('s') },
    0,
    true,
  ],
])('%s', async (_, files, seconds, ended) => {
  const storage = new MemoryStorage();
  for (const [name, content] of Object.entries(files)) {
    await storage.put(new URL(name, FOLDER), JSON.stringify(content));
  }
  const now = () => Date.parse(ENDED_AT) + seconds * 1000;
  expect(await hasEnded(FOLDER, storage, now)).toBe(ended);
});
