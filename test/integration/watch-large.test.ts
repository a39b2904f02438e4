import { readFileSync } from 'node:fs';
import type { JobDetail, JobStatus } from '../../core/jobs/batch';
import { frameName } from '../../core/render/keys';
import type { SliceReport } from '../../core/render/records';
import { fewOrAll } from '../support/heavy';
import { startHttpServer } from '../support/http-server';
import { startReadingS3 } from '../support/reading-s3';
import { startProgram } from '../support/spotreel';
import { manifestFor } from '../support/stored-render';

/** The last one is the most children that AWS Batch lets a job have. */
const SLICES = [300, 10_000];

const FRAMES_PER_SLICE = 2;

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
function film(slices: number): Map<string, string> {
  const frames = slices * FRAMES_PER_SLICE;
  const manifest = manifestFor('long', frames, { framesPerSlice: FRAMES_PER_SLICE, sliceCount: slices });
  const jobs = { render: { jobId: 'r', jobName: 'r' }, stitch: { jobId: 's', jobName: 's' } };
  const objects = new Map([
    [`${FOLDER}manifest.json`, JSON.stringify(manifest)],
    [`${FOLDER}jobs.json`, JSON.stringify(jobs)],
  ]);
  for (let slice = 0; slice < slices; slice += 1) objects.set(`${FOLDER}slices/${slice}.json`, report(slice));
  for (let frame = 1; frame <= frames; frame += 1) objects.set(`${FOLDER}frames/${frameName(frame)}`, 'x');
  return objects;
}

type Counts = Partial<Record<JobStatus, number>>;
const job = (jobId: string, status: JobStatus, size = 0, counts?: Counts): Partial<JobDetail> => ({
  jobId,
  jobName: jobId,
  status,
  createdAt: Date.UTC(2026, 0, 1),
  ...(counts && { arrayProperties: { size, statusSummary: counts } }),
});

test.each(fewOrAll('commands', SLICES, (slices) => slices === 300))(
  'watch of %i slices takes one request a look and 200 MB while AWS Batch fails',
  async (slices) => {
    const objects = film(slices);
    const frames = slices * FRAMES_PER_SLICE;
    const [done, going, waiting] = [0.9 * slices, 0.06 * slices, 0.04 * slices];
    const [rendering, stitching] = [
      [
        job('r', 'PENDING', slices, { SUCCEEDED: done, RUNNING: going, RUNNABLE: waiting }),
        job('s', 'PENDING'),
      ],
      [job('r', 'SUCCEEDED', slices, { SUCCEEDED: slices }), job('s', 'RUNNING')],
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
      slices: { total: slices, running: going, succeeded: done },
      frames: { total: frames, stored: frames },
    };
    expect(told[0]).toMatchObject({
      ...known,
      state: 'rendering',
      figures: { attempts: 2 * slices, interruptions: slices },
    });
    const faults = told.filter(({ fault }) => fault !== undefined);
    expect(faults.map(({ fault }) => fault)).toEqual([
      expect.stringContaining('not now'),
      expect.stringContaining('too many requests'),
      expect.stringContaining('has not answered'),
    ]);
    // The last known state is still reported.
    for (const state of faults) expect(state).toMatchObject({ ...known, state: 'rendering', ended: false });
    expect(told.at(-1)).toMatchObject({ state: 'complete', ended: true, slices: { succeeded: slices } });
    // A request has at most 100 ids, and a late one is never repeated.
    for (const ids of calls) expect(ids.length).toBeLessThanOrEqual(100);
    expect(calls.length).toBeLessThan(looks);
    expect(megabytes).toBeGreaterThan(40);
    expect(megabytes).toBeLessThan(MOST_MEGABYTES);
  },
  600_000,
);

/** Megabytes at the peak of a process; 0 once it is gone. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
