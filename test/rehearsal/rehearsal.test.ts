import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { JobDetail } from '@aws-sdk/client-batch';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { renderJobName, stitchJobName } from '../../core/render/records';
import { parseManifest } from '../support/documents';
import { fewOrAll } from '../support/heavy';
import { ROOT } from '../support/source-files';
import { spotreel, worker } from '../support/spotreel';
import { probeVideo } from '../support/video';
import { type AwsEmulator, startAwsEmulator } from './aws-emulator';
import { POLICIES, POLICY_NAMES, ROLE_NAMES, ROLES } from './deed';
import { ANOTHER_BUCKET, rightsOf, tryEverything } from './deeds';
import { BLENDER_VERSIONS, deploy, imageOf, synthesize } from './deploy';
import { DeployedFarm } from './deployed-farm';

// Against hangs alone: in the gate the other tests run meanwhile.
jest.setTimeout(900_000);

const SCENE = readFileSync(join(ROOT, 'examples/clock.blend'));
const NO_SCENE = Buffer.from('not a scene at all');

let assembly: string;
beforeAll(async () => {
  assembly = join(mkdtempSync(join(tmpdir(), 'spotreel-rehearsal-')), 'cdk.out');
  await synthesize(assembly);
});
afterAll(() => rmSync(join(assembly, '..'), { recursive: true, force: true }));

/** Every resource of both templates: logical id → type. */
function templateResources(): Record<string, string> {
  const types: Record<string, string> = {};
  for (const stack of ['SpotreelStorage', 'SpotreelFarm']) {
    const template: { Resources: Record<string, { Type: string }> } = JSON.parse(
      readFileSync(join(assembly, `${stack}.template.json`), 'utf8'),
    );
    // The CDK's metadata resource is in no account.
    for (const [id, { Type }] of Object.entries(template.Resources)) {
      if (Type !== 'AWS::CDK::Metadata') types[id] = Type;
    }
  }
  return types;
}

test('cfn-lint finds no fault in the templates', async () => {
  const templates = ['SpotreelStorage', 'SpotreelFarm'].map((stack) =>
    join(assembly, `${stack}.template.json`),
  );
  const lint = promisify(execFile)(join(ROOT, '.venv/bin/cfn-lint'), ['--format', 'parseable', ...templates]);
  expect(await lint.catch((error: unknown) => error)).toMatchObject({ stdout: '', stderr: '' });
});

const ALL_RULES = [
  // Shows whether a call is refused or wrong.
  { rules: 'with every call allowed', enforceIam: false },
  { rules: "under the templates' own policies", enforceIam: true },
];

// In order: each test continues where the one before it stopped.
describe.each(fewOrAll('accounts', ALL_RULES, (each) => each.enforceIam))('$rules', ({ enforceIam }) => {
  let aws: AwsEmulator;
  let farm: DeployedFarm;
  /** Of the first upload. */
  let folder: string;

  beforeAll(async () => {
    aws = await startAwsEmulator(enforceIam);
    await deploy(assembly, aws);
    farm = await DeployedFarm.find(aws);
    await farm.s3.send(new CreateBucketCommand({ Bucket: ANOTHER_BUCKET }));
  });
  afterAll(() => aws?.stop());

  /** Does the work of a job's container, or of its child `index`, with the rights of the farm's workers. */
  async function work({ jobId, container }: JobDetail, index?: number) {
    const environment = {
      ...aws.environment(await farm.credentialsOf('JobsWorkerRole')),
      AWS_BATCH_JOB_ID: index === undefined ? jobId! : `${jobId!}:${index}`,
      AWS_BATCH_JOB_ATTEMPT: '1',
      ...(index !== undefined && { AWS_BATCH_JOB_ARRAY_INDEX: String(index) }),
    };
    return worker(container!.command!, { environment });
  }

  test('cdk deploy makes everything that the templates define', () => {
    const made = Object.fromEntries(farm.resources.map(({ logicalId, type }) => [logicalId, type]));
    expect(made).toEqual(templateResources());
    expect(farm.resources.filter(({ status }) => status !== 'CREATE_COMPLETE')).toEqual([]);
  });

  test('an upload becomes an array job and a stitch job that waits for it', async () => {
    await farm.put('uploads/a day/my clock +ü.blend', SCENE, {
      frames: '1-6x2,72',
      'frames-per-slice': '2',
      'resolution-percent': '20',
    });
    folder = (await farm.appears('renders/my-clock', '/jobs.json')).replace(/\/jobs\.json$/, '');
    const manifest = parseManifest(await farm.get(`${folder}/manifest.json`));
    expect(manifest).toMatchObject({ frameCount: 4, framesPerSlice: 2, sliceCount: 2 });
    const [render, stitch, ...more] = await farm.jobs();
    expect(more).toEqual([]);
    const { jobQueue, renderDefinitions, stitchJobDefinition, bucket } = farm.description;
    const [oldest, newest] = BLENDER_VERSIONS;
    expect(renderDefinitions.map(({ blenderVersion }) => blenderVersion)).toEqual([oldest, newest]);
    const output = `s3://${bucket}/${folder}`;
    expect(render).toMatchObject({
      jobName: renderJobName(manifest.renderId),
      jobQueue,
      // The oldest that the scene, which Blender 3.4 saved, can be rendered by.
      jobDefinition: renderDefinitions[0]!.jobDefinition,
      arrayProperties: { size: 2 },
      container: {
        image: imageOf(oldest),
        command: ['render', '-i', manifest.source.url, '-o', output, '-f', '2', '-t', '4'],
      },
    });
    expect(stitch).toMatchObject({
      jobName: stitchJobName(manifest.renderId),
      jobQueue,
      jobDefinition: stitchJobDefinition,
      dependsOn: [{ jobId: render!.jobId, type: 'SEQUENTIAL' }],
      container: { image: imageOf(newest), command: ['stitch', '-i', output, '-o', output] },
    });
  });

  test('an upload elsewhere, or the same upload again, starts no render', async () => {
    await farm.put('uploads/a day/my clock +ü.blend', SCENE, {
      frames: '1-6x2,72',
      'frames-per-slice': '2',
      'resolution-percent': '20',
    });
    await farm.put('uploads/a day/lib/props.blend', SCENE);
    await farm.put('somewhere else.blend', SCENE);
    await farm.put('uploads/notes.txt', NO_SCENE);
    expect(await farm.quiet()).toBe(0);
    expect(await farm.jobs()).toHaveLength(2);
  });

  test('an upload that is not a scene is refused once, with the reason', async () => {
    await farm.put('uploads/holiday.blend', NO_SCENE);
    expect(await farm.status('renders/holiday')).toMatchObject({
      state: 'refused',
      findings: [{ code: 'not-blend' }],
    });
    expect(await farm.quiet()).toBe(0);
    expect(await farm.jobs()).toHaveLength(2);
  });

  test('the rights of the farm’s workers are enough to make a video', async () => {
    const [render, stitch] = await farm.jobs();
    for (const index of [0, 1]) expect(await work(render!, index)).toMatchObject({ exitCode: 0 });
    await farm.done(render!.jobId!);
    expect(await work(stitch!)).toMatchObject({ exitCode: 0 });
    await farm.done(stitch!.jobId!);
    expect(await farm.keys(`${folder}/frames/`)).toEqual(
      ['0001', '0003', '0005', '0072'].map((frame) => `${folder}/frames/${frame}.png`),
    );
    const video = join(assembly, '..', 'video.mp4');
    writeFileSync(video, await farm.get(`${folder}/output.mp4`));
    expect(await probeVideo(video)).toMatchObject({ width: 128, height: 72, nb_read_frames: '4' });
    expect(await farm.status(folder)).toMatchObject({
      state: 'complete',
      frames: { total: 4, stored: 4 },
    });
  });

  test('a render whose job failed gets one partial video and a message with its gaps', async () => {
    const before = (await farm.jobs()).length;
    await farm.put('uploads/torn clock.blend', SCENE, {
      frames: '1-4',
      'frames-per-slice': '2',
      'resolution-percent': '20',
    });
    const torn = (await farm.appears('renders/torn-clock', '/jobs.json')).replace('/jobs.json', '');
    const [render, stitch] = (await farm.jobs()).slice(before);
    expect(await work(render!, 0)).toMatchObject({ exitCode: 0 });
    // Child 1 reports nothing.
    await farm.fail(render!.jobId!, 'Array Child Job failed');
    const noted = await farm.salvageJob(torn);
    expect(await farm.status(torn)).toMatchObject({ state: 'failed', frames: { total: 4, stored: 2 } });
    // What AWS Batch does with a job whose dependency has failed.
    await farm.fail(stitch!.jobId!, 'Dependent Job failed');
    const salvages = (await farm.jobs()).slice(before + 2);
    expect(salvages).toMatchObject([
      {
        jobId: noted,
        jobName: `${torn.split('/').at(-1)}_Salvaging`,
        container: { command: expect.arrayContaining(['stitch', '--partial']) },
      },
    ]);
    expect(await work(salvages[0]!)).toMatchObject({ exitCode: 0 });
    await farm.done(noted);
    expect(await farm.statusIn(torn, 'partial')).toMatchObject({ frames: { total: 4, stored: 2 } });
    const video = join(assembly, '..', 'partial.mp4');
    writeFileSync(video, await farm.get(`${torn}/output.partial.mp4`));
    expect(await probeVideo(video)).toMatchObject({ nb_read_frames: '4' });
    expect(await farm.keys(`${torn}/output.mp4`)).toEqual([]);
    expect((await farm.jobs()).slice(before + 3)).toEqual([]);
  });

  test('a render that reaches its cap is stopped with a partial video of its frames', async () => {
    const before = (await farm.jobs()).length;
    await farm.call('CostsWatch');
    await farm.put('uploads/dear clock.blend', SCENE, {
      frames: '1-4',
      'frames-per-slice': '2',
      'resolution-percent': '20',
      'max-cost': '0.00001',
    });
    const dear = (await farm.appears('renders/dear-clock', '/jobs.json')).replace('/jobs.json', '');
    const cap = `caps/${dear.split('/').at(-1)!}.json`;
    const readCap = async () => JSON.parse(Buffer.from(await farm.get(cap)).toString());
    const [render, stitch] = (await farm.jobs()).slice(before);
    await farm.call('CostsWatch');
    expect(await readCap()).toMatchObject({ maxUsd: 0.00001 });
    expect(await readCap()).not.toHaveProperty('stopped');

    expect(await work(render!, 0)).toMatchObject({ exitCode: 0 });
    await farm.call('CostsWatch');
    expect(await readCap()).toMatchObject({ stopped: { jobId: render!.jobId } });
    const noted = await farm.salvageJob(dear);
    const because = expect.stringMatching(
      /^stopped at its cap of .* USD: at the highest prices .* USD are spent/,
    );
    expect(await farm.status(dear)).toMatchObject({ state: 'failed', reason: because });
    await farm.fail(stitch!.jobId!, 'Dependent Job failed');
    const [salvage, ...more] = (await farm.jobs()).slice(before + 2);
    expect([salvage?.jobId, more]).toEqual([noted, []]);
    expect(await work(salvage!)).toMatchObject({ exitCode: 0 });
    await farm.done(noted);
    expect(await farm.statusIn(dear, 'partial')).toMatchObject({
      reason: because,
      frames: { total: 4, stored: 2 },
    });
    expect(await farm.keys(`${dear}/frames/`)).toEqual([
      `${dear}/frames/0001.png`,
      `${dear}/frames/0002.png`,
    ]);
    expect(await farm.keys(`${dear}/output.partial.mp4`)).toHaveLength(1);
    await farm.call('CostsWatch');
    expect(await farm.keys('caps/')).toEqual([]);
  });

  test('the command line finds the farm and submits to it', async () => {
    const scene = join(assembly, '..', 'from here.blend');
    writeFileSync(scene, SCENE);
    const submitted = await spotreel(['submit', scene, '-f', '100'], { environment: aws.environment() });
    expect(submitted).toMatchObject({ exitCode: 0 });
    const [render, stitch] = JSON.parse(submitted.stdout);
    const jobs = await farm.jobs();
    expect(jobs.map(({ jobId }) => jobId).slice(-2)).toEqual([render.jobId, stitch.jobId]);
    expect(jobs.at(-2)).not.toHaveProperty('arrayProperties');
  });

  test('--device gpu renders frames on the GPU queue and the video on the other one', async () => {
    const before = (await farm.jobs()).length;
    await farm.put('uploads/bright clock.blend', SCENE, { device: 'gpu', frames: '1-2' });
    const key = await farm.appears('renders/bright-clock', '/jobs.json');
    const submitted = JSON.parse(Buffer.from(await farm.get(key)).toString());
    const { gpu, renderDefinitions } = farm.description;
    expect(await farm.jobs(gpu!.jobQueue)).toMatchObject([
      {
        jobId: submitted.render.jobId,
        jobDefinition: renderDefinitions[0]!.gpuJobDefinition,
        container: { resourceRequirements: expect.arrayContaining([{ type: 'GPU', value: '1' }]) },
      },
    ]);
    expect((await farm.jobs()).slice(before)).toMatchObject([
      {
        jobId: submitted.stitch.jobId,
        dependsOn: [{ jobId: submitted.render.jobId, type: 'SEQUENTIAL' }],
      },
    ]);
  });

  if (!enforceIam) return;

  test.each(ROLE_NAMES)('the role for %s may make only its own calls', async (role) => {
    const credentials = await farm.credentialsOf(ROLES[role]);
    expect(await tryEverything(credentials, farm, aws)).toEqual(rightsOf(role));
  });

  test.each(POLICY_NAMES)('the managed policy for a %s may make only its own calls', async (name) => {
    const credentials = await farm.credentialsWith(POLICIES[name]);
    expect(await tryEverything(credentials, farm, aws)).toEqual(rightsOf(name));
  });
});
