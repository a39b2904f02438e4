import { PassThrough } from 'node:stream';
import {
  describeLine,
  lineJson,
  type LogFormat,
  LogPrinter,
  showLogs,
  type ShowOptions,
} from '../../../../cli/logs/show-logs';
import { localTime } from '../../../../cli/output';
import { SpotreelError } from '../../../../core/errors';
import type { JobDetail, JobStatus } from '../../../../core/jobs/batch';
import type { LoggedRender } from '../../../../core/logs/choose-logs';
import { FrameLines } from '../../../../core/logs/read-logs';

const TIME = localTime('2026-11-22T10:00:00.123Z', true);

describe('a line of a log', () => {
  const AT = Date.UTC(2026, 10, 22, 10, 0, 0, 123);
  const inWords = (event: object | string, at: number | undefined = AT) => {
    const text = typeof event === 'string' ? event : JSON.stringify(event);
    return describeLine({ at, text }, new FrameLines().read(text), { slice: 3, attempt: 2 });
  };

  test.each<[string, object | string]>([
    ['frame 12 begins', { event: 'frame-started', frame: 12 }],
    [
      'frame 12: sample 8 of 64, 120 MiB',
      { event: 'frame-progress', frame: 12, sample: 8, samples: 64, memoryMib: 120 },
    ],
    ['frame 12 is stored (4.2 s)', { event: 'frame-stored', frame: 12, seconds: 4.2 }],
    ['frame 12 was already stored', { event: 'frame-kept', frame: 12 }],
    ['frame 12 failed, retrying: why', { event: 'frame-failed', frame: 12, reason: 'why', final: false }],
    ['frame 12 failed: why', { event: 'frame-failed', frame: 12, reason: 'why', final: true }],
    ['5 of 9 frames are done', { event: 'stitching', frames: 5, total: 9 }],
    ['Fra:12 Mem:1M', { event: 'output', program: 'blender', line: 'Fra:12 Mem:1M' }],
    ['ffmpeg: no', { event: 'output', program: 'ffmpeg', line: 'no' }],
    ['error: disk-full: no room', { event: 'error', code: 'disk-full', message: 'no room' }],
    ['warning: sound: none', { event: 'warning', code: 'sound', message: 'none' }],
    ['some other line', 'some other line'],
    ['{"event":"of tomorrow"}', { event: 'of tomorrow' }],
  ])('is readable: %s', (words, event) => {
    expect(inWords(event)).toBe(`${TIME}  slice 3, attempt 2  ${words}`);
  });

  test('has neither time nor slice if they are unknown', () => {
    expect(describeLine({ text: 'x' }, {}, { attempt: 1 })).toBe('video, attempt 1  x');
  });

  test('escapes control characters of a scene', () => {
    const line = 'a\u001b[2Jb\nc\u202ed';
    expect(inWords({ event: 'output', program: 'blender', line })).toMatch(/a\\u001b\[2Jb c\\u202ed$/);
  });

  test('is readable as JSON, too', () => {
    const event = { event: 'frame-kept', frame: 12 } as const;
    const told = new FrameLines().read(JSON.stringify(event));
    const json = (at?: number) => JSON.parse(lineJson({ at, text: '' }, told, { slice: 3, attempt: 2 }));
    const message = 'frame 12 was already stored';
    const timestamp = '2026-11-22T10:00:00.123Z';
    expect(json(AT)).toEqual({ timestamp, slice: 3, attempt: 2, frame: 12, message, event });
    expect(json().timestamp).toBeNull();
    expect(JSON.parse(lineJson({ text: 'x' }, {}, { attempt: 1 }))).toEqual({
      timestamp: null,
      attempt: 1,
      message: 'x',
    });
  });
});

describe('showLogs', () => {
  const jobs = { render: { jobId: 'r', jobName: 'r' }, stitch: { jobId: 's', jobName: 's' } };
  const frames = [{ start: 1, end: 8, step: 1 }];
  const RENDER: LoggedRender = {
    manifest: { renderId: 'shot', frames, framesPerSlice: 8, sliceCount: 1 },
    jobs,
  };

  /** The render job and the stitch job at each look, or why AWS Batch does not answer. */
  type Looks = ReadonlyArray<readonly [render: JobStatus, stitch: JobStatus] | SpotreelError>;

  async function show(looks: Looks, options: ShowOptions, format: LogFormat = 'raw') {
    let [look, pauses] = [0, 0];
    const [output, notes] = [new PassThrough(), new PassThrough()];
    const [written, said]: [string[], string[]] = [[], []];
    output.on('data', (data: Buffer) => written.push(data.toString()));
    notes.on('data', (data: Buffer) => said.push(data.toString().trimEnd()));
    const detail = (jobId: string, status: JobStatus): JobDetail => {
      const begun = ['RUNNING', 'SUCCEEDED', 'FAILED'].includes(status);
      const container = begun ? { logStreamName: jobId } : undefined;
      return { jobId, jobName: jobId, jobQueue: 'q', jobDefinition: 'd', status, container };
    };
    const shown = await showLogs(
      async () => RENDER,
      options,
      {
        batch: {
          describeJobs: async (ids) => {
            if (ids.length === 0) return [];
            const told = looks[Math.min(look++, looks.length - 1)]!;
            if (told instanceof SpotreelError) throw told;
            const all = [detail('r', told[0]), detail('s', told[1])];
            return all.filter(({ jobId }) => ids.includes(jobId));
          },
          listJobs: async () => [],
        },
        logs: {
          settleSeconds: 0,
          readPage: async ({ name }, from) => {
            const lines = from === undefined ? [{ text: `line of ${name}` }] : [];
            return { lines, next: 'end', isLast: true };
          },
        },
        isAttended: () => true,
        now: () => 0,
        pause: async () => {
          if ((pauses += 1) > 50) throw new Error('it never ends');
        },
      },
      new LogPrinter(format, output, notes),
    );
    return { shown, written: written.join(''), said };
  }

  test('follows a render from start to end and prints each log once', async () => {
    const fault = new SpotreelError('throttled', 'passing', 'too much to do');
    const looks: Looks = [
      ['RUNNABLE', 'PENDING'],
      fault,
      ['RUNNABLE', 'PENDING'],
      // Seen, followed, and at its end.
      ['RUNNING', 'PENDING'],
      ['RUNNING', 'PENDING'],
      ['SUCCEEDED', 'PENDING'],
      ['SUCCEEDED', 'RUNNABLE'],
      ['SUCCEEDED', 'RUNNING'],
      ['SUCCEEDED', 'SUCCEEDED'],
    ];
    const { shown, written, said } = await show(looks, { follow: true });
    expect(shown).toBe(true);
    expect(written).toBe('line of r\nline of s\n');
    expect(said).toEqual([
      'nothing else runs now; waiting',
      'too much to do; continuing',
      'running jobs',
      'slice 0, attempt 1: RUNNING (log stream r)',
      'nothing else runs now; waiting',
      'running jobs',
      'the video, attempt 1: SUCCEEDED (log stream s)',
    ]);
  });

  test('ends at a permanent fault, and at any fault without --follow', async () => {
    const denied = new SpotreelError('denied', 'usage', 'no');
    await expect(show([denied], { follow: true })).rejects.toBe(denied);
    const fault = new SpotreelError('throttled', 'passing', 'too much to do');
    await expect(show([fault], {})).rejects.toBe(fault);
  });

  test('reports once that nothing has run yet', async () => {
    const { shown, written, said } = await show([['RUNNABLE', 'PENDING']], {});
    expect({ shown, written, said }).toEqual({
      shown: false,
      written: '',
      said: ['no job of this render has run yet'],
    });
  });

  test('reports that no line is about a frame', async () => {
    const { shown, written, said } = await show([['SUCCEEDED', 'SUCCEEDED']], { frame: 3 });
    expect({ shown, written }).toEqual({ shown: false, written: '' });
    expect(said.at(-1)).toBe('no line mentions frame 3; --slice 0 shows the whole log');
  });
});
