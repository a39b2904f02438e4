import { MOST_MINUTES, planJobs } from '../../../../cli/prove/plan';
import { retryStrategy } from '../../../../core/jobs/batch';
import { parseWorkerArgv } from '../../../../core/jobs/worker';
import { makeFarmDescription } from '../../../support/farm-description';

const FOLDER = 's3://films/renders/prove-1/';
const plan = (changes = {}) =>
  planJobs({ ...makeFarmDescription(), ...changes }, 'prove-1', FOLDER, `${FOLDER}prove.blend`);

test('planJobs lets every job run for longer than the longest wait', () => {
  const seconds = plan().map(({ request }) => request.timeout!.attemptDurationSeconds);
  expect(Math.min(...seconds)).toBeGreaterThan(MOST_MINUTES * 60);
});

test('planJobs gives every job a command that the worker knows', () => {
  const commands = plan().map(({ request }) => parseWorkerArgv(request.containerOverrides!.command!));
  expect(commands.map(({ command, output }) => `${command} ${output}`)).toEqual([
    ...Array.from({ length: 3 }, () => `probe ${FOLDER}`),
    `render ${FOLDER}eevee/`,
  ]);
});

test('planJobs tags every job with the farm, which may terminate no other jobs', () => {
  expect(new Set(plan().map(({ request }) => request.tags?.['spotreel:farm']))).toEqual(new Set(['main']));
});

test.each([undefined, 5])('planJobs leaves retries to the job definition with %s attempts', (attempts) => {
  const [pair] = planJobs(makeFarmDescription(), 'prove-1', FOLDER, `${FOLDER}prove.blend`, attempts);
  expect(pair!.request).not.toHaveProperty('retryStrategy');
});

test('planJobs gives the pair a second attempt if the job definition has one', () => {
  const jobs = planJobs(makeFarmDescription(), 'prove-1', FOLDER, `${FOLDER}prove.blend`, 1);
  const retried = jobs.filter(({ request }) => request.retryStrategy);
  expect(retried.map(({ key, request }) => [key, request.retryStrategy])).toEqual([
    ['pair', retryStrategy(2)],
  ]);
});

test('planJobs probes the GPU queue with the whole job definition of GPUs', () => {
  const renderDefinitions = [{ blenderVersion: '5.2.0', jobDefinition: 'cpu', gpuJobDefinition: 'gpu' }];
  const jobs = plan({ renderDefinitions, gpu: { jobQueue: 'gpus', parallel: 1 } });
  const { request } = jobs.find(({ key }) => key === 'gpu')!;
  expect(request).toMatchObject({ jobQueue: 'gpus', jobDefinition: 'gpu' });
  expect(request.containerOverrides).not.toHaveProperty('resourceRequirements');
  expect(jobs.at(-1)).toMatchObject({
    key: 'after-gpu',
    after: 'gpu',
    request: { jobDefinition: makeFarmDescription().stitchJobDefinition },
  });
});

test('planJobs probes every further Blender, with a name that AWS Batch accepts', () => {
  const renderDefinitions = ['4.5.1', '5.2.3'].map((blenderVersion) => ({
    blenderVersion,
    jobDefinition: blenderVersion,
  }));
  const jobs = plan({ renderDefinitions });
  expect(jobs.at(-1)).toMatchObject({ key: 'blender-5.2.3', request: { jobDefinition: '5.2.3' } });
  for (const { request } of jobs) expect(request.jobName).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/);
});
