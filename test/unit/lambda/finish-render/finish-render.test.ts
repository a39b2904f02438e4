import { SpotreelError } from '../../../../core/errors';
import { TAKEN_BACK } from '../../../../core/jobs/ensure-jobs';
import { workerArgv } from '../../../../core/jobs/worker';
import { parseJobStateChange } from '../../../../lambda/finish-render/ended-job';
import { finishRender } from '../../../../lambda/finish-render/finish-render';
import type { Notification } from '../../../../lambda/report-status';
import { jobStateChange } from '../../../support/aws-events';
import { CALL_FAULTS, FaultyProcess } from '../../../support/faulty-calls';
import { MemoryStorage } from '../../../support/memory-storage';
import {
  failureUrl,
  frameUrl,
  gapsUrl,
  jobsUrl,
  manifestUrl,
  renderFolder,
  statusUrl,
  videoUrl,
} from '../../../support/render-urls';

const output = new URL('memory://films/renders/');
const folder = renderFolder(output, 'shot-1');
const input = 'memory://films/uploads/shot.blend';
const place = 'memory://films/renders/shot-1';

const COMMANDS = {
  Rendering: workerArgv({ command: 'render', input, output: place, framesPerSlice: 2, totalFrames: 6 }),
  Stitching: workerArgv({ command: 'stitch', input: place, output: place }),
};

type Detail = Record<string, unknown>;

function ended(kind: keyof typeof COMMANDS, pair: number, status: string, more: Detail = {}) {
  const jobId = `${kind === 'Rendering' ? 'render' : 'stitch'}-${pair}`;
  const container = { command: COMMANDS[kind] };
  // Long before jobs.json is written, which the memory storage dates now.
  return jobStateChange({ jobId, jobName: `shot-1_${kind}`, status, createdAt: pair, container, ...more });
}

const failedSlices = { arrayProperties: { size: 3, statusSummary: { SUCCEEDED: 2, FAILED: 1 } } };
const renderFailed = (pair: number) =>
  ended('Rendering', pair, 'FAILED', { ...failedSlices, statusReason: 'Array Child Job failed' });
const stitchFailed = (pair: number) =>
  ended('Stitching', pair, 'FAILED', { statusReason: 'Dependent Job failed' });
const stitched = (pair: number) => ended('Stitching', pair, 'SUCCEEDED');

const pairOf = (pair: number) => ({
  render: { jobId: `render-${pair}`, jobName: 'shot-1_Rendering' },
  stitch: { jobId: `stitch-${pair}`, jobName: 'shot-1_Stitching' },
});

const MANIFEST = {
  version: 1,
  renderId: 'shot-1',
  createdAt: new Date(0).toISOString(),
  source: { url: input, etag: 'abc', size: 5 },
  options: {},
  blenderVersion: { major: 3, minor: 4 },
  scene: 'Scene',
  engine: 'CYCLES',
  frames: [{ start: 1, end: 6, step: 1 }],
  frameCount: 6,
  framesPerSlice: 2,
  sliceCount: 3,
  frameRate: { numerator: 24, denominator: 1 },
  resolution: { width: 64, height: 36 },
};

class FinishWorld {
  readonly storage = new MemoryStorage();
  readonly told: Notification[] = [];

  async finish(event: unknown, process = new FaultyProcess()) {
    const people = { notify: async (notification: Notification) => void this.told.push(notification) };
    return finishRender(parseJobStateChange(event), {
      storage: process.see(this.storage),
      notify: process.see(people).notify,
      output,
      region: 'eu-central-1',
      now: () => new Date(0),
    });
  }

  async status(): Promise<Record<string, unknown> | undefined> {
    if (!(await this.storage.head(statusUrl(folder)))) return undefined;
    return JSON.parse(Buffer.from(await this.storage.get(statusUrl(folder))).toString());
  }
}

async function world(frames = 6, pair = 1): Promise<FinishWorld> {
  const set = new FinishWorld();
  await set.storage.put(manifestUrl(folder), JSON.stringify(MANIFEST));
  await set.storage.put(jobsUrl(folder), JSON.stringify(pairOf(pair)));
  for (let frame = 1; frame <= frames; frame += 1) await set.storage.put(frameUrl(folder, frame), 'x');
  if (frames === 6) await set.storage.put(videoUrl(folder), 'video');
  return set;
}

test('the finish Lambda reports a complete render with its video after the stitch job', async () => {
  const set = await world();
  expect(await set.finish(stitched(1))).toMatchObject({ outcome: 'reported' });
  expect(await set.status()).toMatchObject({
    renderId: 'shot-1',
    state: 'complete',
    jobs: { render: 'render-1', stitch: 'stitch-1' },
    findings: [],
    frames: { total: 6, stored: 6, failed: 0, failedFrames: [] },
    links: { folder: `${place}/`, video: `${place}/output.mp4` },
  });
  expect(set.told).toEqual([
    { subject: 'Render shot-1 is complete', message: expect.stringContaining(`Video: ${place}/output.mp4`) },
  ]);
});

test('the finish Lambda reports a failed render if the video is missing', async () => {
  const set = await world();
  await set.storage.delete(videoUrl(folder));
  await set.finish(stitched(1));
  expect(await set.status()).toMatchObject({ state: 'failed', findings: [{ code: 'no-video' }] });
});

test('the finish Lambda reports failed frames with reasons after a failed render job', async () => {
  const set = await world(3);
  const failure = { version: 1, slice: 1, tries: 2, failedAt: new Date(0).toISOString() };
  const fail = (frame: number, reason: string) =>
    set.storage.put(failureUrl(folder, frame), JSON.stringify({ ...failure, frame, reason }));
  await fail(10, 'a failure of a frame beyond the plan counts, too');
  await fail(4, 'out of memory');
  await fail(2, 'was stored after all');
  await set.storage.put(failureUrl(folder, 5), 'torn');
  await set.finish(renderFailed(1));
  expect(await set.status()).toMatchObject({
    state: 'failed',
    reason:
      'not all frames could be rendered: frame 4: out of memory; frame 5: no reason was noted; frame 10: a failure of a frame beyond the plan counts, too; 1 of 3 slices failed',
    frames: { total: 6, stored: 3, failed: 3, failedFrames: [4, 5, 10] },
    findings: [
      { code: 'frame-failed', frame: 4, message: 'frame 4: out of memory' },
      { frame: 5, message: 'frame 5: no reason was noted' },
      { frame: 10 },
    ],
  });
  expect(set.told[0]?.message).toContain('Frames: 3 of 6 stored, 3 failed');
});

test('the finish Lambda reports a partial render only for the video of this stitch job', async () => {
  const gapsAt = async (at: number) => {
    const gaps = [{ frame: 3, reason: 'not whole', shown: 2 }];
    const record = { version: 1, at: new Date(at).toISOString(), frameCount: 6, marked: false, gaps };
    const set = await world();
    await set.storage.put(gapsUrl(folder), JSON.stringify(record));
    await set.finish(ended('Stitching', 1, 'FAILED', { createdAt: 5000 }));
    return set.status();
  };
  expect(await gapsAt(6000)).toMatchObject({
    state: 'partial',
    findings: [{ code: 'frame-missing', frame: 3 }],
    links: { video: `${place}/output.partial.mp4` },
  });
  expect(await gapsAt(4000)).toMatchObject({ state: 'failed', findings: [{ code: 'job-failed' }] });
});

test('the finish Lambda reports the reason of AWS Batch if no frame failed', async () => {
  const set = await world(0);
  const container = { command: COMMANDS.Rendering, exitCode: 65, reason: 'OutOfMemoryError' };
  await set.finish(
    ended('Rendering', 1, 'FAILED', { container, statusReason: 'Essential container exited' }),
  );
  const reason =
    'not all frames could be rendered: Essential container exited; OutOfMemoryError; exit code 65';
  expect(await set.status()).toMatchObject({ reason, findings: [{ code: 'job-failed', message: reason }] });
});

describe('the finish Lambda writes nothing for', () => {
  const other = {
    command: ['render', '-i', 'memory://films/a', '-o', 'memory://others/x', '-f', '1', '-t', '1'],
  };
  const uploads = {
    command: workerArgv({ command: 'stitch', input: place, output: 'memory://films/uploads/x' }),
  };
  test.each<[string, unknown]>([
    ['a child', ended('Rendering', 1, 'FAILED', { arrayProperties: { size: 3, index: 0 } })],
    ['a render job that succeeded', ended('Rendering', 1, 'SUCCEEDED')],
    ['a running job', ended('Stitching', 1, 'RUNNING')],
    ['a job of another program', ended('Stitching', 1, 'FAILED', { jobName: 'shot-1_Cleaning' })],
    ['a job without a command', ended('Stitching', 1, 'FAILED', { container: undefined })],
    [
      'a job with another command',
      ended('Stitching', 1, 'FAILED', { container: { command: ['sleep', '600'] } }),
    ],
    ['a render in another bucket', ended('Rendering', 1, 'FAILED', { container: other })],
    ['a render under another prefix', ended('Stitching', 1, 'FAILED', { container: uploads })],
  ])('%s', async (_, event) => {
    const set = await world();
    expect(await set.finish(event)).toEqual({ outcome: 'ignored' });
    expect(await set.status()).toBeUndefined();
    expect(set.told).toEqual([]);
  });

  test('a withdrawn render job', async () => {
    const set = await world();
    const event = ended('Rendering', 1, 'FAILED', { statusReason: TAKEN_BACK });
    expect(await set.finish(event)).toEqual({ outcome: 'outdated' });
  });
});

describe('the finish Lambda with events out of order', () => {
  test.each<[string, unknown[], string, number]>([
    ['the same event twice', [stitched(2), stitched(2)], 'complete', 1],
    ['a failure of an older pair, late', [stitched(2), renderFailed(1), stitchFailed(1)], 'complete', 1],
    ['a failure of an older pair, early', [renderFailed(1), stitched(2)], 'complete', 1],
    ['a success of an older pair, late', [renderFailed(2), stitched(1)], 'failed', 1],
    ['both jobs of a pair failed', [renderFailed(2), stitchFailed(2)], 'failed', 1],
    ['both jobs of a pair failed, stitch job first', [stitchFailed(2), renderFailed(2)], 'failed', 1],
  ])('reports the newest pair: %s', async (_, events, state, messages) => {
    const set = await world(6, 2);
    for (const event of events) await set.finish(event);
    expect(await set.status()).toMatchObject({
      state,
      jobs: { render: 'render-2', stitch: 'stitch-2' },
      // Of two that failed, the first cause.
      endedJob: state === 'failed' ? 'render-2' : 'stitch-2',
    });
    expect(set.told).toHaveLength(messages);
  });

  test('reports a pair newer than jobs.json', async () => {
    const set = await world(3, 1);
    const event = ended('Rendering', 2, 'FAILED', { createdAt: Date.now() + 60_000 });
    expect(await set.finish(event)).toMatchObject({ outcome: 'reported' });
    expect(await set.status()).toMatchObject({ state: 'failed', endedJob: 'render-2' });
  });

  test('reports a render submitted by hand as complete without manifest and jobs.json', async () => {
    const set = new FinishWorld();
    await set.storage.put(videoUrl(folder), 'video');
    await set.finish(stitched(1));
    expect(await set.status()).toMatchObject({ state: 'complete', endedJob: 'stitch-1' });
    expect(await set.status()).not.toHaveProperty('frames');
  });

  test('replaces a refusal by the end of the render', async () => {
    const set = await world();
    const refused = {
      version: 1,
      renderId: 'shot-1',
      state: 'refused',
      at: new Date(0).toISOString(),
      findings: [],
    };
    await set.storage.put(statusUrl(folder), JSON.stringify({ ...refused, links: { folder: place } }));
    await set.finish(stitched(1));
    expect(await set.status()).toMatchObject({ state: 'complete' });
  });
});

test('the finish Lambda writes the status and notifies people after a retry, whichever call fails', async () => {
  for (const event of [stitched(1), renderFailed(1)]) {
    for (const fault of CALL_FAULTS) {
      for (let at = 1; ; at += 1) {
        const set = await world();
        const process = new FaultyProcess(at, fault);
        const [first] = await Promise.allSettled([set.finish(event, process)]);
        // Lambda calls again after a throw, and EventBridge may even where there was none.
        expect(first.status === 'fulfilled' || first.reason instanceof SpotreelError).toBe(true);
        await set.finish(event);
        expect(await set.status()).toMatchObject({ notifiedAt: expect.any(String) });
        expect([1, 2]).toContain(set.told.length);
        if (process.calls < at) break;
      }
    }
  }
});

describe('parseJobStateChange names the wrong field of event', () => {
  test.each<[unknown, string]>([
    [undefined, 'value'],
    [{}, 'source'],
    [{ ...stitched(1), source: 'aws.s3' }, 'source'],
    [ended('Stitching', 1, 'FAILED', { jobId: undefined }), 'detail.jobId'],
    [ended('Stitching', 1, 'FAILED', { container: { command: 'stitch' } }), 'detail.container.command'],
  ])('%#', (event, field) => {
    expect(() => parseJobStateChange(event)).toThrow(expect.objectContaining({ code: 'bad-event' }));
    expect(() => parseJobStateChange(event)).toThrow(field);
  });
});
