import { SpotreelError } from '../../../../core/errors';
import type { AttemptDetail, JobDetail, JobStatus } from '../../../../core/jobs/batch';
import type { WorkerEvent } from '../../../../core/jobs/worker';
import type { JobLogs, LogStream } from '../../../../core/logs/job-logs';
import { FrameLines, type LogNews, readLogs, type ReadOptions } from '../../../../core/logs/read-logs';

describe('frame lines', () => {
  const said = (line: string): WorkerEvent => ({ event: 'output', program: 'blender', line });
  const began = (frame: number): WorkerEvent => ({ event: 'frame-started', frame });
  const stored = (frame: number): WorkerEvent => ({ event: 'frame-stored', frame, seconds: 1 });
  const failed = (frame: number): WorkerEvent => ({
    event: 'frame-failed',
    frame,
    reason: 'x',
    final: false,
  });

  function framesOf(events: readonly WorkerEvent[]) {
    const lines = new FrameLines();
    return events.map((event) => lines.read(JSON.stringify(event)).frame);
  }

  test('a line of Blender belongs to the frame that Blender began last', () => {
    const events = [
      said('Blender 5.2.0'),
      began(3),
      said('Saved: …'),
      began(4),
      stored(3),
      said('a warning'),
    ];
    expect(framesOf(events)).toEqual([undefined, 3, 3, 4, 3, 4]);
  });

  test('a line that names a frame belongs to that frame, for old and new Blenders', () => {
    const [old, recent] = [
      'Fra:-7 Mem:10.08M | Sample 1/8',
      '00:01.326  render           | Fra: 9 | Sample 1/8',
    ];
    expect(framesOf([began(3), said(old), said(recent), said('Fra:')])).toEqual([3, -7, 9, 3]);
  });

  test('lines after a failed frame, and lines of other programs, belong to no frame', () => {
    const ffmpeg: WorkerEvent = { event: 'output', program: 'ffmpeg', line: 'Fra:3' };
    const events = [began(3), ffmpeg, failed(2), said('x'), failed(3), said('Blender 5.2.0')];
    expect(framesOf(events)).toEqual([3, undefined, 2, 3, 3, undefined]);
  });

  test('a line that no worker wrote belongs to no frame', () => {
    const lines = new FrameLines();
    lines.read(JSON.stringify(began(3)));
    expect(lines.read('node: out of memory')).toEqual({ event: undefined, frame: undefined });
    expect(lines.read('{"event":"else"}')).toEqual({ event: undefined, frame: undefined });
  });
});

describe('read logs', () => {
  /** The state of a job at one read; the last step repeats. */
  interface Step {
    readonly status: JobStatus;
    /** Streams of the ended attempts and of the running one. */
    readonly ended?: readonly string[];
    readonly running?: string;
    /** The lines in each stream. */
    readonly streams?: Readonly<Record<string, readonly string[]>>;
    readonly attended?: boolean;
    readonly fault?: SpotreelError;
  }

  async function read(steps: readonly Step[], options: ReadOptions, linesAPage = 2) {
    let looks = 0;
    const pauses: number[] = [];
    const step = () => steps[Math.min(looks, steps.length) - 1]!;
    const logs: JobLogs = {
      settleSeconds: 10,
      readPage: async ({ name }: LogStream, from = '0') => {
        const { fault, streams = {} } = step();
        const all = streams[name];
        if (fault) throw fault;
        if (!all) return undefined;
        const next = Math.min(Number(from) + linesAPage, all.length);
        const lines = all.slice(Number(from), next).map((text) => ({ text }));
        return { lines, next: String(next), isLast: next === all.length };
      },
    };
    const services = {
      logs,
      batch: {
        describeJobs: async () => {
          looks += 1;
          return [detailOf(step())];
        },
        listJobs: async () => [],
      },
      isAttended: () => steps[Math.min(looks, steps.length - 1)]!.attended ?? true,
      now: () => 10_000,
      pause: async (seconds: number) => {
        pauses.push(seconds);
        if (pauses.length > 50) throw new Error('it never ends');
      },
    };
    const seen: string[] = [];
    for await (const news of readLogs('job', options, services)) seen.push(...inShort(news));
    return { seen, pauses };
  }

  function detailOf({ status, ended = [], running }: Step): JobDetail {
    const attempts = ended.map((logStreamName): AttemptDetail => ({
      startedAt: 1,
      stoppedAt: 8_000,
      container: { logStreamName },
    }));
    const container = running === undefined ? undefined : { logStreamName: running };
    return { jobId: 'job', jobName: 'job', jobQueue: 'q', jobDefinition: 'd', status, attempts, container };
  }

  function inShort(news: LogNews): string[] {
    if (news.type === 'lines') return news.lines.map(({ text }) => text);
    if (news.type === 'attempt' || news.type === 'missing') return [`${news.type} ${news.attempt.attempt}`];
    return [news.type];
  }

  const TWO_ENDED: Step = {
    status: 'FAILED',
    ended: ['a', 'b'],
    streams: { a: ['a1', 'a2', 'a3'], b: ['b1'] },
  };

  test.each<[string, ReadOptions, string[]]>([
    ['the last attempt by default', {}, ['attempt 2', 'b1']],
    ['the chosen attempt', { attempt: 1 }, ['attempt 1', 'a1', 'a2', 'a3']],
    ['all attempts', { attempt: 'all' }, ['attempt 1', 'a1', 'a2', 'a3', 'attempt 2', 'b1']],
    ['no attempt if the chosen one does not exist', { attempt: 3 }, ['not-begun']],
  ])('readLogs of an ended job reads %s', async (_, options, expected) => {
    expect((await read([TWO_ENDED], options)).seen).toEqual(expected);
    expect((await read([TWO_ENDED], { ...options, follow: true })).seen).toEqual(expected);
  });

  test('readLogs without follow does not wait for a running job', async () => {
    const running: Step = { status: 'RUNNING', running: 'a', streams: { a: ['a1', 'a2', 'a3'] } };
    expect(await read([running], {})).toEqual({ seen: ['attempt 1', 'a1', 'a2', 'a3'], pauses: [] });
    expect((await read([{ status: 'RUNNABLE' }], {})).seen).toEqual(['not-begun']);
  });

  test('readLogs with follow reads each line of all attempts once', async () => {
    const steps: Step[] = [
      { status: 'RUNNABLE' },
      { status: 'STARTING' },
      { status: 'RUNNING', running: 'a' },
      { status: 'RUNNING', running: 'a', streams: { a: ['a1'] } },
      { status: 'RUNNING', running: 'a', streams: { a: ['a1', 'a2', 'a3'] } },
      { status: 'RUNNABLE', ended: ['a'], streams: { a: ['a1', 'a2', 'a3', 'a4'] } },
      { status: 'RUNNING', ended: ['a'], running: 'b', streams: { a: ['a1', 'a2', 'a3', 'a4'], b: ['b1'] } },
      { status: 'SUCCEEDED', ended: ['a', 'b'], streams: { a: [], b: ['b1', 'b2'] } },
    ];
    const { seen, pauses } = await read(steps, { follow: true });
    expect(seen).toEqual(['waiting', 'attempt 1', 'a1', 'a2', 'a3', 'a4', 'attempt 2', 'b1', 'b2']);
    // Waits for the last lines of an attempt that ended 2 s ago.
    expect(pauses.filter((seconds) => seconds === 8)).toHaveLength(2);
  });

  test('readLogs with follow reports passing faults and continues', async () => {
    const fault = new SpotreelError('throttled', 'passing', 'too much to do');
    const streams = { a: ['a1', 'a2'] };
    const steps: Step[] = [
      { status: 'RUNNING', running: 'a', streams: { a: ['a1'] } },
      { status: 'SUCCEEDED', ended: ['a'], streams, fault },
      { status: 'SUCCEEDED', ended: ['a'], streams, fault },
      { status: 'SUCCEEDED', ended: ['a'], streams },
    ];
    const { seen, pauses } = await read(steps, { follow: true });
    expect(seen).toEqual(['attempt 1', 'a1', 'fault', 'fault', 'a2']);
    expect(pauses).toEqual([2, 8, 4, 8, 8, 8]);
    await expect(read([{ ...TWO_ENDED, fault }], {})).rejects.toBe(fault);
    const denied = new SpotreelError('denied', 'usage', 'no');
    await expect(read([{ ...TWO_ENDED, fault: denied }], { follow: true })).rejects.toBe(denied);
  });

  test('readLogs reports a missing stream once its attempt has ended', async () => {
    const gone: Step = { status: 'RUNNABLE', ended: ['a'] };
    expect((await read([gone], {})).seen).toEqual(['attempt 1', 'missing 1']);
    const steps: Step[] = [{ status: 'RUNNING', running: 'a' }, gone, { status: 'FAILED', ended: ['a'] }];
    expect((await read(steps, { follow: true })).seen).toEqual(['attempt 1', 'missing 1']);
  });

  test('readLogs with follow ends if no process can run the job', async () => {
    const steps: Step[] = [
      { status: 'RUNNING', running: 'a', streams: { a: ['a1'] } },
      { status: 'RUNNING', running: 'a', streams: { a: ['a1', 'a2'] }, attended: false },
    ];
    expect((await read(steps, { follow: true })).seen).toEqual(['attempt 1', 'a1', 'a2', 'abandoned']);
  });
});
