import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AwsBatch } from '../../core/jobs/aws-batch';
import type { FarmDescription } from '../../core/jobs/farm';
import { type RenderStatus, sliceReportSchema } from '../../core/render/records';
import { S3Storage } from '../../core/storage/s3-storage';
import { parseManifest } from '../support/documents';
import { emulatedBatch, emulatedEnvironment, makeEmulatedFarm } from '../support/emulated-farm';
import { runsHeavy } from '../support/heavy';
import { installFakeBlender } from '../support/fake-blender';
import { startRecordingProxy } from '../support/recording-proxy';
import { frameUrl, jobsUrl, manifestUrl, retryUrl, sliceReportUrl, statusUrl } from '../support/render-urls';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, worker } from '../support/spotreel';

jest.setTimeout(180_000);

const at = useScratchFolder();
const SCENE = join(ROOT, 'test/fixtures/blend/3.4-zstd.blend');

let aws: S3Emulator;
let storage: S3Storage;
let batch: AwsBatch;
let farm: FarmDescription;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  aws = await startS3Emulator('spotreel-films');
  storage = new S3Storage(aws.client);
  environment = emulatedEnvironment(aws);
  farm = await makeEmulatedFarm(aws);
  batch = new AwsBatch(emulatedBatch(aws));
});
afterAll(() => aws.stop());

const run = (...args: string[]) => spotreel(args, { environment });
const folderOf = (name: string) => new URL(`s3://${aws.bucket}/renders/${name}/`);
async function json(url: URL) {
  return JSON.parse(Buffer.from(await storage.get(url)).toString('utf8'));
}

/** A render of 6 frames in 3 slices that has failed; these of its frames are there. */
async function failed(name: string, stored: readonly number[]): Promise<URL> {
  const scene = new URL(`s3://${aws.bucket}/uploads/${name}.blend`);
  await storage.put(scene, readFileSync(SCENE));
  const flags = ['--frames', '1-6', '-f', '2', '--resolution-percent', '5', '-n', name];
  expect(await run('submit', scene.href, ...flags)).toMatchObject({ exitCode: 0 });
  const folder = folderOf(name);
  for (const frame of stored) await storage.put(frameUrl(folder, frame), 'x');
  const { render, stitch } = await json(jobsUrl(folder));
  const status: RenderStatus = {
    version: 1,
    renderId: name,
    state: 'failed',
    at: '2026-01-01T00:00:00.000Z',
    jobs: { render: render.jobId, stitch: stitch.jobId },
    endedJob: render.jobId,
    findings: [],
    links: { folder: folder.href },
  };
  await storage.put(statusUrl(folder), JSON.stringify(status));
  return folder;
}

/** What AWS Batch would run of retry 1: a child, or without an index the plain job. Real Blender, if heavy tests run. */
async function retryChild(name: string, index?: number) {
  const folder = folderOf(name);
  const { source, resolution } = parseManifest(await storage.get(manifestUrl(folder)));
  const programs = runsHeavy('retry')
    ? {}
    : installFakeBlender(at('blender'), { ...resolution, version: '5.2.0' });
  const place = ['-o', folder.href.replace(/\/$/, ''), '-f', '2', '-t', '6', '--retry', '1'];
  return worker(['render', '-i', source.url, ...place], {
    environment: {
      ...environment,
      ...programs,
      ...(index !== undefined && { AWS_BATCH_JOB_ARRAY_INDEX: String(index) }),
    },
  });
}

const retriesOf = async (name: string, queue = farm.jobQueue) =>
  (await batch.listJobs({ jobQueue: queue, jobName: `${name}_Retry1_Rendering` })).length;

test('several retries at once submit the missing frames once', async () => {
  const folder = await failed('shot', [1, 2, 4, 5]);
  const asked = await Promise.all([1, 2].map(() => run('retry', 'shot', '--farm', 'main')));
  expect(asked.some(({ exitCode }) => exitCode === 0)).toBe(true);
  expect(await retriesOf('shot')).toBe(1);
  const { render, stitch, retry } = await json(jobsUrl(folder));
  expect(retry).toEqual({ kind: 'frames', number: 1, why: 'asked', slices: 2, frames: 2 });
  const won = asked.find(({ exitCode }) => exitCode === 0)!;
  expect(JSON.parse(won.stdout)).toEqual([render, stitch]);
  expect(won.stderr).toContain('shot: 2 frames in 2 slices (3, 6)');
  const [job] = await batch.describeJobs([render.jobId]);
  expect(job).toMatchObject({ arrayProperties: { size: 2 } });

  // The first render has failed; the retry continues.
  const status = JSON.parse((await run('status', 'shot', '--farm', 'main', '--json')).stdout);
  expect(status).toMatchObject({ retry: { number: 1 }, frames: { stored: 4 } });

  const child = await retryChild('shot', 1);
  expect(child).toMatchObject({ exitCode: 0 });
  expect(child.stdout).toContain('"event":"frame-stored","frame":6');
  expect(child.stdout).not.toContain('"frame":5');
  expect(child.stdout).toContain('"retry":1,"attempt":1,"slice":2');
  const report = sliceReportSchema.parse(await json(sliceReportUrl(folder, 2)));
  expect(report.attempts).toMatchObject([{ kept: 0, frames: [{ frame: 6 }] }]);
  const none = await retryChild('shot', 2);
  expect(none).toMatchObject({ exitCode: 64 });
});

if (runsHeavy('retry'))
  test('a retry does not submit again if another one was submitted meanwhile', async () => {
    const folder = await failed('race', [1, 2, 4, 5]);
    let other: Promise<unknown> | undefined;
    // The scene is looked for between the look at the render and the submission.
    const proxy = await startRecordingProxy(aws.endpoint, async ({ method, path }) => {
      if (method === 'HEAD' && path.endsWith('/uploads/race.blend'))
        await (other ??= run('retry', 'race', '--farm', 'main'));
    });
    const slow = await spotreel(['retry', 'race', '--farm', 'main'], {
      environment: { ...environment, AWS_ENDPOINT_URL: proxy.endpoint },
    });
    await proxy.stop();
    expect(await other).toMatchObject({ exitCode: 0 });
    const { render, stitch, retry } = await json(jobsUrl(folder));
    expect(retry).toMatchObject({ number: 1 });
    expect(slow).toMatchObject({ exitCode: 0, stdout: `${JSON.stringify([render, stitch])}\n` });
    expect(await storage.head(retryUrl(folder, 2))).toBeUndefined();
  });

test('retry refuses --threads for a farm', async () => {
  const refused = await run('retry', 'any', '--farm', 'main', '--threads', '2');
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
  expect(refused.stderr).toContain('--threads is for a render of this machine');
});

if (runsHeavy('retry'))
  test('retry --on-demand passes memory and vCPUs on after a confirmation', async () => {
    const folder = await failed('dear', [1, 2, 3, 4, 5]);
    const flags = ['--on-demand', '--memory', '30000', '--vcpus', '8'];
    const unasked = await run('retry', 'dear', '--farm', 'main', ...flags);
    expect(unasked).toMatchObject({ exitCode: 2, stdout: '' });
    expect(unasked.stderr).toContain('On-Demand machines cost their full price');
    expect(await retriesOf('dear', farm.onDemand!.jobQueue)).toBe(0);
    expect(await run('retry', 'dear', '--farm', 'main', ...flags, '--yes')).toMatchObject({ exitCode: 0 });
    expect(await retriesOf('dear', farm.onDemand!.jobQueue)).toBe(1);
    expect(await json(retryUrl(folder, 1))).toMatchObject({
      jobQueue: farm.onDemand!.jobQueue,
      onDemand: true,
      memoryMib: 30_000,
      vcpus: 8,
    });
    expect(await json(jobsUrl(folder))).toMatchObject({ retry: { onDemand: true, slices: 1 } });
    expect(await retryChild('dear')).toMatchObject({ exitCode: 0 });
    const report = sliceReportSchema.parse(await json(sliceReportUrl(folder, 2)));
    expect(report.attempts).toMatchObject([
      { onDemand: true, vcpus: 8, memoryMib: 30_000, frames: [{ frame: 6 }] },
    ]);
  });

if (runsHeavy('retry'))
  test('retry without a farm uses the queue and definitions of the earlier jobs', async () => {
    const folder = await failed('plain', [1, 2, 3, 4, 5]);
    const place = ['-o', `s3://${aws.bucket}/renders`];
    const { render } = await json(jobsUrl(folder));
    const [before] = await batch.describeJobs([render.jobId]);

    const onDemand = await run('retry', 'plain', ...place, '--on-demand');
    expect(onDemand).toMatchObject({ exitCode: 2 });
    expect(onDemand.stderr).toContain('--on-demand needs --farm');
    const scene = new URL(`s3://${aws.bucket}/uploads/plain.blend`);
    await storage.put(scene, 'another film');
    const changed = await run('retry', 'plain', ...place);
    expect(changed).toMatchObject({ exitCode: 2 });
    expect(changed.stderr).toContain('has changed since plain was planned');
    expect(await storage.head(retryUrl(folder, 1))).toBeUndefined();

    await storage.put(scene, readFileSync(SCENE));
    expect(await run('retry', 'plain', ...place)).toMatchObject({ exitCode: 0 });
    const { render: retried } = await json(jobsUrl(folder));
    const [after] = await batch.describeJobs([retried.jobId]);
    expect(after).toMatchObject({ jobQueue: before!.jobQueue, jobDefinition: before!.jobDefinition });
    expect(retried.jobName).toBe('plain_Retry1_Rendering');
  });
