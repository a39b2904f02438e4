import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../core/errors';
import { cleanUp, isRunning, makeDirectory, openBatch, processesWith, until } from './local-batch-harness';

afterEach(cleanUp);

const RETRY_ALWAYS = { attempts: 5 };

test('a timeout of LocalBatch fails the job without another attempt', async () => {
  const { batch, submit } = await openBatch();
  const timeout = { attemptDurationSeconds: 1 };
  const jobId = await submit(['await-signal.js', 'obey'], { timeout, retryStrategy: RETRY_ALWAYS });
  const detail = await batch.wait(jobId);
  expect(detail).toMatchObject({ status: 'FAILED', statusReason: 'Job attempt duration exceeded timeout' });
  expect(detail.attempts).toHaveLength(1);
});

test('LocalBatch kills a program that ignores SIGTERM after the stop timeout', async () => {
  const { batch, submit, untilLogged, events } = await openBatch({ stopTimeoutSeconds: 0.2 });
  const jobId = await submit(['await-signal.js', 'ignore'], { retryStrategy: RETRY_ALWAYS });
  await untilLogged(jobId, 'ready');
  await batch.terminateJob(jobId, 'not wanted any more');
  const detail = await batch.wait(jobId);
  expect(detail).toMatchObject({ status: 'FAILED', statusReason: 'not wanted any more' });
  expect(detail.attempts?.map(({ container }) => container?.exitCode)).toEqual([128 + 9]);
  expect(events).toContainEqual({ type: 'log', jobId, attempt: 1, line: 'got SIGTERM' });
});

test('terminating an array ends its running and waiting children', async () => {
  const { batch, submit, untilLogged } = await openBatch({ maxParallel: 1 });
  const jobId = await submit(['await-signal.js', 'obey'], { arrayProperties: { size: 3 } });
  await untilLogged(jobId, 'ready', 0);
  await batch.terminateJob(jobId, 'enough');
  expect(await batch.wait(jobId)).toMatchObject({ status: 'FAILED', statusReason: 'enough' });
  const children = await batch.describeJobs([0, 1, 2].map((i) => `${jobId}:${i}`));
  expect(children.map(({ statusReason }) => statusReason)).toEqual(['enough', 'enough', 'enough']);
  expect(children.map(({ attempts }) => attempts?.length)).toEqual([1, 0, 0]);
});

test('a batch whose directory another machine took over ends without a write', async () => {
  let tidied = 0;
  const { batch, directory, submit, untilLogged } = await openBatch({
    tidyUp: async () => void (tidied += 1),
  });
  const jobId = await submit(['await-signal.js', 'obey']);
  await untilLogged(jobId, 'ready');
  const journal = join(directory, 'jobs', `${jobId}.jsonl`);
  const before = readFileSync(journal, 'utf8');
  rmSync(join(directory, 'lock'), { recursive: true });
  const error: unknown = await batch.wait(jobId).catch((thrown: unknown) => thrown);
  expect(codeOf(error)).toBe('lock-lost');
  await batch.stop();
  expect(readFileSync(journal, 'utf8')).toBe(before);
  expect(tidied).toBe(1);
});

test('no process of an attempt survives it', async () => {
  const { batch, submit, events } = await openBatch();
  const jobId = await submit(['leave-grandchild.js']);
  expect(await batch.wait(jobId)).toMatchObject({ status: 'SUCCEEDED' });
  const line = events.flatMap((event) => (event.type === 'log' ? event.line : []))[0];
  const pid = Number(line?.replace('grandchild ', ''));
  expect(pid).toBeGreaterThan(0);
  await until(() => !isRunning(pid));
});

test('stop leaves no process and costs no attempt', async () => {
  const stateDirectory = makeDirectory();
  const file = join(makeDirectory(), 'runs');
  const environment = { MARKER: stateDirectory };
  const first = await openBatch({ stateDirectory, environment, maxParallel: 2 });
  const jobId = await first.submit(['record-run.js', file, '600000'], { arrayProperties: { size: 3 } });
  // Each with its supervisor.
  await until(() => processesWith('MARKER', stateDirectory).length === 4);
  const waiting = first.batch.wait(jobId).catch(codeOf);
  await first.batch.stop();
  expect(await waiting).toBe('stopped');
  expect(processesWith('MARKER', stateDirectory)).toEqual([]);
  expect(
    await first.batch.submitJob({ jobName: 'a', jobQueue: 'queue', jobDefinition: 'node' }).catch(codeOf),
  ).toBe('stopped');

  // The definition is looked up at each attempt: this one ends at once.
  const definition = { entrypoint: [process.execPath, '-e', 'process.exitCode = 0', '--'] };
  const second = await openBatch({ stateDirectory, environment, jobDefinitions: { node: definition } });
  expect(await second.batch.wait(jobId)).toMatchObject({ status: 'SUCCEEDED' });
  expect((await second.batch.describeJobs([`${jobId}:0`]))[0]?.attempts).toHaveLength(1);
  await second.batch.close();
  expect(readdirSync(join(stateDirectory, 'scratch'))).toEqual([]);
  expect(readdirSync(join(stateDirectory, 'lock'))).toEqual([]);
});

test('a job that was terminated just before the batch stopped is not started again', async () => {
  const stateDirectory = makeDirectory();
  const first = await openBatch({ stateDirectory });
  const jobId = await first.submit(['await-signal.js', 'obey']);
  await first.untilLogged(jobId, 'ready');
  await first.batch.terminateJob(jobId, 'not wanted any more');
  await first.batch.stop();
  expect(await first.batch.terminateJob(jobId, 'too late').catch(codeOf)).toBe('stopped');
  const second = await openBatch({ stateDirectory });
  expect(await second.batch.wait(jobId)).toMatchObject({
    status: 'FAILED',
    statusReason: 'not wanted any more',
  });
});
