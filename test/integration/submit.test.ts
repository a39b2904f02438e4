import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DescribeJobsCommand } from '@aws-sdk/client-batch';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { startsRender } from '../../core/render/keys';
import { parseManifest } from '../support/documents';
import { emulatedBatch, emulatedEnvironment, makeEmulatedFarm } from '../support/emulated-farm';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { PROJECT_COLOURS, PROJECT_FILES, squaresOf, useProject } from '../support/project';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, worker } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();
const copyProject = useProject();
const SCENE = join(ROOT, 'test/fixtures/blend/3.4-zstd.blend');
const BUCKET = 'spotreel-films';

/** moto plays S3, Batch and SSM. Its Batch takes jobs and, without a Docker engine, runs none. */
let aws: S3Emulator;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  aws = await startS3Emulator(BUCKET);
  environment = emulatedEnvironment(aws);
  await makeEmulatedFarm(aws);
});
afterAll(() => aws.stop());

const submit = (...args: string[]) => spotreel(['submit', ...args], { environment });

async function keys(prefix: string): Promise<string[]> {
  const { Contents = [] } = await aws.client.send(
    new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }),
  );
  return Contents.map(({ Key }) => Key!);
}

async function tagsOf(jobId: string): Promise<Record<string, string> | undefined> {
  const batch = emulatedBatch(aws);
  const { jobs = [] } = await batch.send(new DescribeJobsCommand({ jobs: [jobId] }));
  batch.destroy();
  return jobs[0]?.tags;
}

async function get(key: string): Promise<Uint8Array> {
  const { Body } = await aws.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
  return Body!.transformToByteArray();
}

test('submit uploads a local scene and prints its two jobs as one line of JSON', async () => {
  const scene = at('my shot +1.blend');
  writeFileSync(scene, readFileSync(SCENE));
  const first = await submit(scene, '-f', '3', '--tag', 'shot=12', '--tag', 'artist=ann');
  expect(first).toMatchObject({ exitCode: 0 });
  expect(first.stdout.trim().split('\n')).toHaveLength(1);
  // Of the farm's two Blenders the oldest that is not older than the scene.
  expect(first.stderr).toContain('slices by Blender 4.5.1; results will be in');
  const [render, stitch] = JSON.parse(first.stdout);
  expect(render.jobName).toMatch(/^my-shot-1-[0-9a-f]{8}_Rendering$/);
  expect(stitch.jobName).toBe(render.jobName.replace('_Rendering', '_Stitching'));
  expect(render.jobId).toEqual(expect.any(String));
  const renderId = render.jobName.replace('_Rendering', '');
  expect(first.stderr).toContain(`to watch it, run: spotreel watch ${renderId} --farm main\n`);
  for (const { jobId } of [render, stitch])
    expect(await tagsOf(jobId)).toEqual({
      artist: 'ann',
      shot: '12',
      'spotreel:farm': 'main',
      'spotreel:render': renderId,
    });

  const uploads = await keys('uploads/');
  expect(uploads).toEqual([expect.stringMatching(/^uploads\/submitted\/[0-9a-f]{16}\/my shot \+1\.blend$/)]);
  expect(Buffer.from(await get(uploads[0]!)).equals(readFileSync(SCENE))).toBe(true);
  const manifestKey = (await keys('renders/')).find((key) => key.endsWith('manifest.json'))!;
  expect(parseManifest(await get(manifestKey))).toMatchObject({
    source: { url: `s3://${BUCKET}/${uploads[0]}` },
    framesPerSlice: 3,
  });
});

test('submit uploads every file that a scene needs once, for workers to render', async () => {
  copyProject(at('copy'));
  const scene = at('copy/film/shot.blend');
  const first = await submit(scene, '-f', '2', '-n', 'Project-1');
  expect(first).toMatchObject({ exitCode: 0 });
  expect(first.stderr).toContain('uploading 8 files');
  const manifest = parseManifest(await get('renders/Project-1/manifest.json'));
  expect(manifest.scenePath).toBe('shot.blend');
  expect(manifest.dependencies!.map(({ path }) => `film/${path}`)).toEqual(PROJECT_FILES);
  for (const { url } of manifest.dependencies!) {
    expect(startsRender(url.slice(`s3://${BUCKET}/`.length))).toBe(false);
  }

  writeFileSync(at('copy/film/plates/plate_0002.png'), readFileSync(at('copy/film/plates/plate_0001.png')));
  const second = await submit(scene, '-f', '2');
  expect(second).toMatchObject({ exitCode: 0 });
  expect(second.stderr).toContain('uploading 1 file (0.0 MiB); 7 are already uploaded');

  // The first render is what it was, though a file of it has changed on this machine.
  const output = `s3://${BUCKET}/renders/Project-1`;
  const argv = ['render', '-i', manifest.source.url, '-o', output, '-f', '2', '-t', '3'];
  const child = (index: number) =>
    worker(argv, {
      environment: { ...environment, AWS_BATCH_JOB_ARRAY_INDEX: String(index), SPOTREEL_CACHE: at('cache') },
    });
  const ends = await Promise.all([child(0), child(1)]);
  expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  for (const frame of [1, 2, 3]) {
    expect(squaresOf(await get(`renders/Project-1/frames/000${frame}.png`))).toEqual(PROJECT_COLOURS[frame]);
  }
});

test('submit refuses a faulty scene before it uploads anything', async () => {
  copyProject(at('copy'));
  rmSync(at('copy/film/lib/props.blend'));
  const before = await keys('');
  const refused = await submit(at('copy/film/shot.blend'), '--samples', '77');
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr).toContain(at('copy/film/lib/props.blend'));
  expect(await keys('')).toEqual(before);
});

if (runsHeavy('commands'))
  test("submit takes the workshop's flags without a deployed farm", async () => {
    const key = 'scenes/a b/shot.blend';
    await aws.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: readFileSync(SCENE) }));
    const flags = ['-i', `s3://${BUCKET}/${key}`, '-o', `s3://${BUCKET}/out`, '-f', '1', '-n', 'Take-2'];
    const { exitCode, stdout } = await submit(
      ...flags,
      '-q',
      'spotreel-queue',
      '-d',
      'spotreel-render',
      '--farm',
      'none',
    );
    expect(exitCode).toBe(0);
    const names = JSON.parse(stdout).map(({ jobName }: { jobName: string }) => jobName);
    expect(names).toEqual(['Take-2_Rendering', 'Take-2_Stitching']);
    expect(await keys('out/Take-2/')).toEqual(['out/Take-2/jobs.json', 'out/Take-2/manifest.json']);
  });

const REFUSED: ReadonlyArray<readonly [string, string[], number, string]> = [
  ['no scene', [], 2, 'name one scene'],
  ['two scenes', ['a.blend', '-i', 'b.blend'], 2, 'name one scene'],
  ['a missing scene', [`s3://${BUCKET}/none.blend`], 1, 'none.blend'],
  ['frames per slice below 1', [SCENE, '-f', '0'], 2, 'whole number of 1 or more'],
  ['a GPU on a farm without one', [SCENE, '--device', 'gpu'], 2, 'the setting gpuVcpus'],
  ['an unknown device', [SCENE, '--device', 'tpu'], 2, '--device tpu is invalid: give CPU or GPU'],
  ['an unknown farm', [SCENE, '--farm', 'elsewhere'], 2, '/spotreel/elsewhere'],
  ['an output on this machine', [SCENE, '-o', 'renders'], 2, 'not an S3 location'],
  [
    'a local scene without a farm',
    [SCENE, '-q', 'q', '-d', 'd', '-o', `s3://${BUCKET}`],
    2,
    'is on this machine',
  ],
];
const USUAL = ['a missing scene', 'an unknown farm', 'a local scene without a farm'];

test.each(fewOrAll('commands', REFUSED, ([name]) => USUAL.includes(name)))(
  'submit refuses %s with a message on standard error only',
  async (_, args, exitCode, words) => {
    const result = await submit(...args);
    expect(result).toMatchObject({ exitCode, stdout: '' });
    expect(result.stderr).toContain(words);
  },
);

if (runsHeavy('commands'))
  test('submit --allow-scripts uploads nothing to a farm that does not allow scripts', async () => {
    const scene = at('trusted.blend');
    writeFileSync(scene, readFileSync(SCENE));
    const before = await keys('');
    const { exitCode, stdout, stderr } = await submit(scene, '--allow-scripts', '--samples', '3');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(
      'this farm does not allow scripts: deploy it with the setting allowScripts: true',
    );
    expect(await keys('')).toEqual(before);
  });
