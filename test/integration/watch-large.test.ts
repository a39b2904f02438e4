import { readFileSync } from 'node:fs';
import type { JobDetail, JobStatus } from '../../core/jobs/batch';
import { frameName } from '../../core/render/keys';
import type { SliceReport } from '../../core/render/records';
import { startHttpServer } from '../support/http-server';
import { startReadingS3 } from '../support/reading-s3';
import { startProgram } from '../support/spotreel';
import { manifestFor } from '../support/stored-render';

/** The most children that AWS Batch lets a job have, two frames each. */
const SLICES = 10_000;
const FRAMES = 20_000;

/** Megabytes that `watch` may take at its peak, with all that is Node's and the SDK's own. */
const MOST_MEGABYTES = 200;

const FOLDER = 'renders/long/';

function report(slice: number): string {
  const time = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + (slice + seconds) * 1000).toISOString();
  const frame = (position: number) => ({
    frame: slice * 2 + position,
    seconds: 30 + (slice % 10),
    storedAt: time(40 * position),
    bytes: 1_000_000,
  });
  const written: SliceReport = {
    version: 1,
    slice,
    attempts: [
      {
        attempt: 1,
        startedAt: time(0),
        stoppedAt: time(30),
        exitCode: 143,
        reason: 'spot',
        kept: 0,
        frames: [],
        failed: [],
      },
      {
        attempt: 2,
        startedAt: time(60),
        stoppedAt: time(140),
        exitCode: 0,
        kept: 0,
        frames: [frame(1), frame(2)],
        failed: [],
      },
    ],
  };
  return JSON.stringify(written);
}

/** The bucket with a film that lacks nothing but the video. */
function film(): Map<string, string> {
  const manifest = manifestFor('long', FRAMES, { framesPerSlice: 2, sliceCount: SLICES });
  const jobs = { render: { jobId: 'r', jobName: 'r' }, stitch: { jobId: 's', jobName: 's' } };
  const objects = new Map([
    [`${FOLDER}manifest.json`, JSON.stringify(manifest)],
    [`${FOLDER}jobs.json`, JSON.stringify(jobs)],
  ]);
  for (let slice = 0; slice < SLICES; slice += 1) objects.set(`${FOLDER}slices/${slice}.json`, report(slice));
  for (let frame = 1; frame <= FRAMES; frame += 1) objects.set(`${FOLDER}frames/${frameName(frame)}`, 'x');
  return objects;
}

const job = (
  jobId: string,
  status: JobStatus,
  counts?: Partial<Record<JobStatus, number>>,
): Partial<JobDetail> => ({
  jobId,
  jobName: jobId,
  status,
  createdAt: Date.UTC(2026, 0, 1),
  ...(counts && { arrayProperties: { size: SLICES, statusSummary: counts } }),
});

test('watch of 10,000 slices takes one request a look and 200 MB while AWS Batch fails', async () => {
  const objects = film();
  const [rendering, stitching] = [
    [job('r', 'PENDING', { SUCCEEDED: 9_000, RUNNING: 600, RUNNABLE: 400 }), job('s', 'PENDING')],
    [job('r', 'SUCCEEDED', { SUCCEEDED: SLICES }), job('s', 'RUNNING')],
  ];
  const answers: Array<Partial<JobDetail>[] | number | 'late'> = [rendering, 500, 429, 'late'];
  const calls: string[][] = [];
  let looks = 0;
  let release = (): void => undefined;
  const s3 = await startReadingS3(objects, (key) => {
    if (key !== `${FOLDER}manifest.json`) return;
    looks += 1;
    // The late answer comes once it is no longer waited for.
    release();
  });
  const batch = await startHttpServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk) => (body += chunk));
    incoming.on('end', () => {
      calls.push(JSON.parse(body).jobs);
      const told = answers.shift() ?? stitching;
      const send = (status: number, content: object): void => {
        const type = status === 429 ? 'TooManyRequestsException' : 'ServerException';
        const headers = {
          'content-type': 'application/json',
          ...(status !== 200 && { 'x-amzn-errortype': type }),
        };
        response.writeHead(status, headers);
        response.end(JSON.stringify(content));
      };
      if (typeof told === 'number') send(told, { message: 'not now' });
      else if (told !== 'late') send(200, { jobs: told });
      else
        release = () => {
          release = () => undefined;
          send(200, { jobs: rendering });
        };
      if (told !== stitching) return;
      objects.set(`${FOLDER}output.mp4`, 'x');
      stitching[1] = job('s', 'SUCCEEDED');
    });
  });
  const { process: watching, finished } = startProgram(
    'spotreel',
    ['watch', 'long', '--json', '-o', 's3://films/renders'],
    {
      environment: {
        AWS_ENDPOINT_URL: s3.endpoint,
        AWS_ENDPOINT_URL_BATCH: batch.endpoint,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
      },
    },
  );
  let megabytes = 0;
  const measuring = setInterval(() => (megabytes = Math.max(megabytes, peakOf(watching.pid!))), 100);
  const { exitCode, stdout, stderr } = await finished;
  clearInterval(measuring);
  await Promise.all([s3.stop(), batch.stop()]);

  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  const told = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const known = {
    slices: { total: SLICES, running: 600, succeeded: 9_000 },
    frames: { total: FRAMES, stored: FRAMES },
  };
  expect(told[0]).toMatchObject({
    ...known,
    state: 'rendering',
    figures: { attempts: 20_000, interruptions: 10_000 },
  });
  const faults = told.filter(({ fault }) => fault !== undefined);
  expect(faults.map(({ fault }) => fault)).toEqual([
    expect.stringContaining('not now'),
    expect.stringContaining('too many requests'),
    expect.stringContaining('has not answered'),
  ]);
  // The last known state is still reported.
  for (const state of faults) expect(state).toMatchObject({ ...known, state: 'rendering', ended: false });
  expect(told.at(-1)).toMatchObject({ state: 'complete', ended: true, slices: { succeeded: SLICES } });
  // A request has at most 100 ids, and a late one is never repeated.
  for (const ids of calls) expect(ids.length).toBeLessThanOrEqual(100);
  expect(calls.length).toBeLessThan(looks);
  expect(megabytes).toBeGreaterThan(40);
  expect(megabytes).toBeLessThan(MOST_MEGABYTES);
}, 600_000);

/** Megabytes at the peak of a process; 0 once it is gone. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
