import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../../../core/errors';
import type { SubmitJobRequest } from '../../../../core/jobs/batch';
import { LocalBatch, type LocalBatchOptions } from '../../../../core/local-batch/local-batch';
import { joinNeighbours } from '../../../../core/local-batch/lock';

let directory: string;
let batch: LocalBatch;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'spotreel-local-batch-'));
  batch = await LocalBatch.open(options());
});
afterEach(async () => {
  await batch.stop();
  rmSync(directory, { recursive: true });
});

function options(rest: Partial<LocalBatchOptions> = {}): LocalBatchOptions {
  return {
    stateDirectory: directory,
    jobQueue: 'queue',
    maxParallel: 1,
    // These attempts fail before a process starts.
    jobDefinitions: { definition: { entrypoint: ['no-such-program'] } },
    environment: {},
    ...rest,
  };
}

function submit(rest: Partial<SubmitJobRequest>): Promise<unknown> {
  return batch.submitJob({ jobName: 'job', jobQueue: 'queue', jobDefinition: 'definition', ...rest });
}

const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const RULE = { action: 'RETRY' as const };

test.each<[string, Partial<SubmitJobRequest>, string]>([
  ['an empty name', { jobName: '' }, 'jobName must be'],
  ['a name that is too long', { jobName: 'x'.repeat(129) }, 'jobName must be'],
  ['a name with other characters', { jobName: 'render 1' }, 'jobName must be'],
  ['a name that starts with a dash', { jobName: '-x' }, 'jobName must be'],
  ['an unknown queue', { jobQueue: 'other' }, 'the job queue "other" is unknown; the only one is "queue"'],
  [
    'an unknown definition',
    { jobDefinition: 'toString' },
    'definition "toString" is unknown; known are: definition',
  ],
  ['an array of 1', { arrayProperties: { size: 1 } }, 'arrayProperties.size must be 2 to 10,000'],
  ['an array of 10,001', { arrayProperties: { size: 10_001 } }, 'arrayProperties.size must be 2 to 10,000'],
  ['no attempts', { retryStrategy: { attempts: 0 } }, 'retryStrategy.attempts must be 1 to 10'],
  ['11 attempts', { retryStrategy: { attempts: 11 } }, 'retryStrategy.attempts must be 1 to 10'],
  [
    '6 rules',
    { retryStrategy: { attempts: 1, evaluateOnExit: Array.from({ length: 6 }, () => RULE) } },
    'retryStrategy.evaluateOnExit must have at most 5 rules',
  ],
  [
    '21 dependencies',
    { dependsOn: Array.from({ length: 21 }, () => ({ jobId: UNKNOWN })) },
    'at most 20 dependencies',
  ],
  [
    'an unknown dependency',
    { dependsOn: [{ jobId: UNKNOWN }] },
    `names the job id "${UNKNOWN}", which is unknown`,
  ],
  [
    'a timeout of 0',
    { timeout: { attemptDurationSeconds: 0 } },
    'timeout.attemptDurationSeconds must be more than 0',
  ],
])('submitJob rejects %s', async (_, rest, message) => {
  const error: unknown = await submit(rest).catch((thrown: unknown) => thrown);
  expect(codeOf(error)).toBe('client-exception');
  expect(messageOf(error)).toContain(message);
  expect(await batch.listJobs({ jobQueue: 'queue', jobName: rest.jobName ?? 'job' })).toEqual([]);
});

test('jobs are found by ids and names, without unknown ones', async () => {
  const request = { jobName: 'a', jobQueue: 'queue', jobDefinition: 'definition' };
  const { jobId } = await batch.submitJob({ ...request, arrayProperties: { size: 2 } });
  const { jobId: plain } = await batch.submitJob(request);
  const unknown = [UNKNOWN, `${jobId}:2`, `${jobId}:x`, `${jobId}:0:0`, `${plain}:0`];
  const details = await batch.describeJobs([`${jobId}:1`, ...unknown, plain]);
  expect(details.map((detail) => detail.jobId)).toEqual([`${jobId}:1`, plain]);
  expect((await batch.listJobs({ jobQueue: 'queue', jobName: 'a' })).map((job) => job.jobId)).toEqual([
    jobId,
    plain,
  ]);
  expect(await batch.listJobs({ jobQueue: 'queue', jobName: 'A' })).toEqual([]);
  expect(await batch.listJobs({ arrayJobId: plain })).toEqual([]);
  await expect(batch.terminateJob(UNKNOWN, 'enough').catch(codeOf)).resolves.toBe('client-exception');
});

test.each<[Partial<LocalBatchOptions>, string]>([
  [{ maxParallel: 0 }, 'maxParallel must be 1 or more'],
  [{ stopTimeoutSeconds: -1 }, 'stopTimeoutSeconds must be 0 or more'],
  [{ jobDefinitions: { x: { entrypoint: [] } } }, 'jobDefinitions.x.entrypoint must name a program'],
])('open rejects %j', async (rest, message) => {
  const error: unknown = await LocalBatch.open(options(rest)).catch((thrown: unknown) => thrown);
  expect(codeOf(error)).toBe('invalid-option');
  expect(messageOf(error)).toBe(message);
});

test('a job with an unknown definition fails after the next open', async () => {
  const { jobId } = await batch.submitJob({ jobName: 'a', jobQueue: 'queue', jobDefinition: 'definition' });
  // Stops before the first attempt has ended, so that it runs again.
  await batch.stop();
  batch = await LocalBatch.open(options({ jobDefinitions: {} }));
  const { status, attempts } = await batch.wait(jobId);
  expect(status).toBe('FAILED');
  expect(attempts?.at(-1)?.container?.reason).toMatch(/^CannotStartContainerError/);
});

describe('cores', () => {
  /** Each attempt prints the numbers of threads that it hears, child 1 ends after the first. */
  const HEARS = 'read -r a; echo "$a"; test "$AWS_BATCH_JOB_ARRAY_INDEX" = 1 || { read -r b; echo "$b"; }';

  async function heard(size: number, rest: Partial<LocalBatchOptions>): Promise<string[][]> {
    const lines: string[][] = Array.from({ length: size }, () => []);
    await batch.stop();
    batch = await LocalBatch.open(
      options({
        maxParallel: 2,
        jobDefinitions: { definition: { entrypoint: ['/bin/sh', '-c', HEARS] } },
        environment: { PATH: process.env.PATH ?? '' },
        onEvent: (event) => void (event.type === 'log' && lines[event.index ?? 0]?.push(event.line)),
        ...rest,
      }),
    );
    await submit({ arrayProperties: { size } });
    await batch.close();
    return lines;
  }

  test('a local batch gives the cores of an attempt that has ended to the others', async () => {
    expect(await heard(2, { cores: 8 })).toEqual([['threads=4', 'threads=8'], ['threads=4']]);
  });

  test('a local batch leaves their part of the cores to other schedulers of this machine', async () => {
    const neighbours = join(directory, 'running');
    const other = joinNeighbours(neighbours);
    try {
      const shares = [['threads=2', 'threads=4'], ['threads=2']];
      expect(await heard(2, { cores: 8, neighbours })).toEqual(shares);
      expect(other.look()).toEqual({ place: 0, count: 1 });
    } finally {
      other.leave();
    }
  });

  test('a local batch that cannot open takes no part of the cores', async () => {
    await batch.stop();
    const neighbours = join(directory, 'running');
    writeFileSync(join(directory, 'jobs', `${UNKNOWN}.jsonl`), 'no journal\n{}\n');
    const error: unknown = await LocalBatch.open(options({ cores: 8, neighbours })).catch(
      (thrown: unknown) => thrown,
    );
    expect(codeOf(error)).toBe('journal-corrupt');
    const [world] = readdirSync(neighbours);
    expect(readdirSync(join(neighbours, world!))).toEqual([]);
  });
});
