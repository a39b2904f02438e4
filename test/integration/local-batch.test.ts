import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobDetail } from '../../core/jobs/batch';
import { parseStamped } from '../../core/local-batch/attempt';
import { cleanUp, makeDirectory, openBatch, programFile, QUEUE } from './local-batch-harness';

afterEach(cleanUp);

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function exitCodes(detail: JobDetail | undefined): (number | undefined)[] | undefined {
  return detail?.attempts?.map((attempt) => attempt.container?.exitCode);
}

describe('the environment of an attempt', () => {
  test("has AWS Batch's variables and none of this process", async () => {
    const { batch, submit, directory } = await openBatch();
    const folder = makeDirectory();
    const jobId = await submit(['write-environment.js', folder], { arrayProperties: { size: 2 } });
    await batch.wait(jobId);

    expect(readJson(join(folder, '1.json'))).toStrictEqual({
      BASE: 'base',
      AWS_BATCH_CE_NAME: 'local',
      AWS_BATCH_JQ_NAME: QUEUE,
      AWS_BATCH_JOB_ID: `${jobId}:1`,
      AWS_BATCH_JOB_ARRAY_INDEX: '1',
      AWS_BATCH_JOB_ARRAY_SIZE: '2',
      AWS_BATCH_JOB_ATTEMPT: '1',
      TMPDIR: expect.stringMatching(`^${join(directory, 'scratch', jobId)}-1-[0-9a-f]{8}$`),
      hasScratch: true,
    });
    expect(readdirSync(join(directory, 'scratch'))).toEqual([]);
  });

  test('has no array variables in a plain job', async () => {
    const folder = makeDirectory();
    const { batch } = await openBatch({
      jobDefinitions: {
        definition: {
          entrypoint: [process.execPath, programFile('write-environment.js')],
          command: [folder],
          environment: [
            { name: 'BASE', value: 'of the definition' },
            { name: 'KEPT', value: 'kept' },
          ],
        },
      },
    });
    const { jobId } = await batch.submitJob({
      jobName: 'job',
      jobQueue: QUEUE,
      jobDefinition: 'definition',
      containerOverrides: { environment: [{ name: 'BASE', value: 'of the job' }] },
    });
    await batch.wait(jobId);
    const environment = readJson(join(folder, 'plain.json'));
    expect(environment).toMatchObject({ BASE: 'of the job', KEPT: 'kept', AWS_BATCH_JOB_ID: jobId });
    expect(environment).not.toHaveProperty('AWS_BATCH_JOB_ARRAY_INDEX');
  });
});

test('an array of 5 runs at most 2 children at a time, in the order of their indexes', async () => {
  const { batch, submit, events } = await openBatch();
  const file = join(makeDirectory(), 'runs');
  const jobId = await submit(['record-run.js', file], { arrayProperties: { size: 5 } });
  const detail = await batch.wait(jobId);

  expect(detail.arrayProperties?.statusSummary).toMatchObject({ SUCCEEDED: 5, FAILED: 0, RUNNING: 0 });
  let running = 0;
  const counts = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (running += line.startsWith('start') ? 1 : -1));
  expect(counts).toHaveLength(10);
  expect(Math.max(...counts)).toBeLessThanOrEqual(2);
  const started = events.flatMap((e) => (e.type === 'job-state' && e.status === 'RUNNING' ? [e.index] : []));
  expect(started).toEqual([0, 1, 2, 3, 4]);
  const children = await batch.listJobs({ arrayJobId: jobId });
  expect(children.map((child) => child.jobId)).toEqual([0, 1, 2, 3, 4].map((i) => `${jobId}:${i}`));
});

describe('dependencies', () => {
  test('a dependent job starts after the whole array has succeeded', async () => {
    const { batch, submit } = await openBatch();
    const file = join(makeDirectory(), 'runs');
    const first = await submit(['record-run.js', file], { arrayProperties: { size: 3 } });
    const second = await submit(['record-run.js', file], {
      dependsOn: [{ jobId: first, type: 'SEQUENTIAL' }],
    });
    expect(await batch.wait(second)).toMatchObject({ status: 'SUCCEEDED' });
    expect(readFileSync(file, 'utf8').trim().split('\n').slice(-2)).toEqual(['start plain', 'end plain']);
  });

  test('a failed child affects only the dependent job, which never starts', async () => {
    const { batch, submit } = await openBatch();
    const first = await submit(['exit-by-attempt.js', '0', '1=65'], { arrayProperties: { size: 4 } });
    const second = await submit(['exit-by-attempt.js', '0'], { dependsOn: [{ jobId: first }] });

    expect(await batch.wait(second)).toMatchObject({
      status: 'FAILED',
      statusReason: 'Dependent Job failed',
      attempts: [],
    });
    expect(await batch.wait(first)).toMatchObject({
      status: 'FAILED',
      statusReason: 'Array Child Job failed',
      arrayProperties: { statusSummary: { SUCCEEDED: 3, FAILED: 1 } },
    });
  });
});

describe('attempts', () => {
  const rules = [{ action: 'RETRY', onExitCode: '75' } as const, { action: 'EXIT', onReason: '*' } as const];

  test('follow the rules and the number of attempts', async () => {
    const { batch, submit, directory } = await openBatch();
    const jobId = await submit(['exit-by-attempt.js', '0', '0=75,0', '1=65', '2=75'], {
      arrayProperties: { size: 4 },
      retryStrategy: { attempts: 3, evaluateOnExit: rules },
    });
    await batch.wait(jobId);
    const children = await batch.describeJobs([0, 1, 2, 3].map((i) => `${jobId}:${i}`));
    expect(children.map(exitCodes)).toEqual([[75, 0], [65], [75, 75, 75], [0]]);
    expect(children.map(({ status }) => status)).toEqual(['SUCCEEDED', 'FAILED', 'FAILED', 'SUCCEEDED']);
    expect(children[1]?.statusReason).toBe('Essential container in task exited');

    const logs = children[0]?.attempts?.map((attempt) => attempt.container?.logStreamName) ?? [];
    const lines = logs.map((log) => readFileSync(join(directory, log ?? ''), 'utf8').split('\n'));
    expect(lines.map((told) => told.map((line) => parseStamped(line).text))).toEqual([
      ['attempt 1', ''],
      ['attempt 2', ''],
    ]);
    expect(parseStamped(lines[0]![0]!).at).toBeGreaterThan(Date.now() - 60_000);
  });

  test("follow the definition's retry strategy if the job has none", async () => {
    const { batch, submit } = await openBatch({
      jobDefinitions: { node: { entrypoint: [process.execPath], retryStrategy: { attempts: 2 } } },
    });
    const inherits = await batch.wait(await submit(['exit-by-attempt.js', '1']));
    const overrides = await batch.wait(
      await submit(['exit-by-attempt.js', '1'], { retryStrategy: { attempts: 1 } }),
    );
    expect([inherits, overrides].map(exitCodes)).toEqual([[1, 1], [1]]);
  });

  test('of a missing program fail to start, without an exit code', async () => {
    const { batch } = await openBatch({ jobDefinitions: { gone: { entrypoint: ['no-such-program'] } } });
    const request = { jobName: 'job', jobQueue: QUEUE, jobDefinition: 'gone' };
    const { attempts, ...detail } = await batch.wait((await batch.submitJob(request)).jobId);
    expect(detail).toMatchObject({ status: 'FAILED', statusReason: 'Task failed to start' });
    expect(attempts?.[0]?.container?.exitCode).toBeUndefined();
    expect(attempts?.[0]?.container?.reason).toMatch(
      /^CannotStartContainerError: "no-such-program" is not an executable file/,
    );
  });
});
