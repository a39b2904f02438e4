import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { TABLE_DATE } from '../../core/cost/prices';
import { type FarmDescription, farmParameterName } from '../../core/jobs/farm';
import type { RenderStatus, SliceAttempt } from '../../core/render/records';
import { S3Storage } from '../../core/storage/s3-storage';
import { emulatedEnvironment } from '../support/emulated-farm';
import { installFakeBlender } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { type HttpServer, startHttpServer } from '../support/http-server';
import {
  frameUrl,
  jobsUrl,
  manifestUrl,
  sliceReportUrl,
  statusUrl,
  stitchRecordUrl,
} from '../support/render-urls';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, worker } from '../support/spotreel';
import { manifestFor } from '../support/stored-render';

jest.setTimeout(120_000);

const at = useScratchFolder();
const SCENE = join(ROOT, 'examples/clock.blend');
const MACHINES = { renderVcpus: 4, stitchVcpus: 4, instanceTypes: ['m6i', 'm6a'] };

const read = (...path: string[]) => JSON.parse(readFileSync(at('out', 'shot', ...path), 'utf8'));

describe('on this machine', () => {
  const render = async (faults: Parameters<typeof installFakeBlender>[1]['faults'] = {}) => {
    const environment = installFakeBlender(at('blender'), { width: 64, height: 36, faults });
    const flags = ['--resolution-percent', '10', '--frames', '1-8', '-f', '4', '-n', 'shot'];
    return {
      environment,
      ...(await spotreel(['render', SCENE, '-o', at('out'), ...flags], { environment })),
    };
  };

  test('a receipt without a farm has no cost', async () => {
    expect((await render()).exitCode).toBe(0);
    const written = read('receipt.json');
    expect(written).toMatchObject({
      version: 1,
      renderId: 'shot',
      tags: {},
      frames: { total: 8, stored: 8, onDemand: 0 },
      attempts: 2,
      interruptions: 0,
      machineSeconds: { onDemand: 0, interrupted: 0, lost: 0 },
      slices: { attempts: [1, 1], lostSeconds: [0, 0] },
      starts: { seconds: expect.any(Number), share: expect.any(Number) },
    });
    expect(written).not.toHaveProperty('cost');
    // It was written before the job that made the video had ended.
    expect(written.machineSeconds.stitch).toBeGreaterThan(0);
    expect(read('stitch.json')).toMatchObject({ attempts: [{ stoppedAt: expect.any(String), exitCode: 0 }] });

    const asked = await spotreel(['receipt', 'shot', '-o', at('out'), '--json']);
    expect(asked.exitCode).toBe(0);
    const { at: now, machineSeconds, ...rest } = JSON.parse(asked.stdout);
    expect(written).toMatchObject(rest);
    expect(machineSeconds.stitch).toBeGreaterThanOrEqual(written.machineSeconds.stitch);
    expect(machineSeconds.slices).toBe(written.machineSeconds.slices);
    expect(Date.parse(now)).toBeGreaterThan(Date.parse(written.at));
    const { stdout } = await spotreel(['receipt', 'shot', '-o', at('out')]);
    expect(stdout).toContain('shot: receipt\n');
    expect(stdout).toContain('8 of 8');
    expect(stdout).toMatch(/^ *starts .* % of the machine time$/m);
    for (const told of [stdout, (await spotreel(['status', '-o', at('out')])).stdout])
      expect(told).not.toMatch(/^ *cost/m);
  });

  if (runsHeavy('commands'))
    test('a receipt with known machines has costs by the price table', async () => {
      const { exitCode, environment } = await render({ 3: 'fail' });
      expect(exitCode).toBe(3);
      expect(read('receipt.json')).toMatchObject({ frames: { total: 8, stored: 7 } });
      const manifest = { ...read('manifest.json'), tags: { artist: '<ann>' } };
      writeFileSync(at('out/shot/manifest.json'), JSON.stringify(manifest));
      const again = await worker(['stitch', '-i', at('out/shot'), '-o', at('out/shot'), '--partial'], {
        environment: { ...environment, SPOTREEL_MACHINES: JSON.stringify(MACHINES), AWS_REGION: 'us-east-1' },
      });
      expect(again.exitCode).toBe(0);
      expect(read('stitch.json').attempts).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
      const { cost, tags } = read('receipt.json');
      expect(tags).toEqual({ artist: '<ann>' });
      expect(cost).toMatchObject({
        prices: { source: 'table', at: TABLE_DATE, region: 'us-east-1' },
        onDemand: { high: 0 },
      });
      expect(cost.usd.low).toBeGreaterThan(0);
      expect(cost.usd.middle).toBeCloseTo(cost.spot.middle + cost.stitch.middle);
      const page = readFileSync(at('out/shot/report.html'), 'utf8');
      expect(page).toContain(`at prices of the built-in table of ${TABLE_DATE}`);
      expect(page).toContain('artist=&lt;ann&gt;');
    });

  if (runsHeavy('commands'))
    test('an invalid list of machines costs the receipt, not the video', async () => {
      const { environment } = await render();
      const again = await worker(['stitch', '-i', at('out/shot'), '-o', at('out/shot')], {
        environment: { ...environment, SPOTREEL_MACHINES: '{}' },
      });
      expect(again.exitCode).toBe(0);
      expect(again.stdout).toContain('no receipt.json: SPOTREEL_MACHINES of the job definition');
      expect(existsSync(at('out/shot/output.mp4'))).toBe(true);
    });
});

describe('on a farm', () => {
  let aws: S3Emulator;
  let storage: S3Storage;
  let environment: NodeJS.ProcessEnv;
  let folder: URL;
  /** Plays DescribeJobs alone: the render job is described as running. */
  let batch: HttpServer;
  /** An EC2 that denies access. */
  let refusing: HttpServer;

  beforeAll(async () => {
    aws = await startS3Emulator();
    storage = new S3Storage(aws.client);
    batch = await startHttpServer((_, response) => {
      const arrayProperties = { size: 2, statusSummary: { RUNNING: 1, SUCCEEDED: 1 } };
      const jobs = [{ jobId: 'r', jobName: 'r', status: 'PENDING', arrayProperties }];
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jobs }));
    });
    refusing = await startHttpServer((_, response) => {
      const error =
        '<Error><Code>UnauthorizedOperation</Code><Message>You are not authorized.</Message></Error>';
      response.writeHead(403).end(`<Response><Errors>${error}</Errors><RequestID>1</RequestID></Response>`);
    });
    environment = { ...emulatedEnvironment(aws), AWS_ENDPOINT_URL_BATCH: batch.endpoint };
    const farm: FarmDescription = {
      version: 1,
      name: 'main',
      region: 'us-east-1',
      bucket: aws.bucket,
      uploadPrefix: 'uploads/',
      outputPrefix: 'renders/',
      jobQueue: 'queue',
      renderDefinitions: [{ jobDefinition: 'render' }],
      stitchJobDefinition: 'stitch',
      parallel: 4,
      machines: MACHINES,
      logGroup: 'log',
      topicArn: 'topic',
    };
    const { machines: _, ...before } = farm;
    const ssm = new SSMClient({
      endpoint: aws.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    for (const [name, value] of [
      ['main', farm],
      ['old', before],
    ] as const)
      await ssm.send(
        new PutParameterCommand({
          Name: farmParameterName(name),
          Value: JSON.stringify(value),
          Type: 'String',
        }),
      );
    ssm.destroy();
    folder = new URL(`s3://${aws.bucket}/renders/shot/`);
    await storage.put(manifestUrl(folder), JSON.stringify(PLAN));
    await storage.put(jobsUrl(folder), JSON.stringify({ render: job('r'), stitch: job('s') }));
    for (const frame of [1, 2, 3]) await storage.put(frameUrl(folder, frame), 'x');
    const reports = [
      [
        attempt(0, 3600, { exitCode: 143, frames: [rendered(1, 1800, 1900)] }),
        attempt(4000, 5800, { exitCode: 0, onDemand: true, frames: [rendered(2, 1700, 5700)] }),
      ],
      [attempt(0, undefined, { frames: [rendered(3, 1700, 1800)] })],
    ];
    for (const [slice, attempts] of reports.entries())
      await storage.put(sliceReportUrl(folder, slice), JSON.stringify({ version: 1, slice, attempts }));
  });
  afterAll(async () => {
    await Promise.all([batch.stop(), refusing.stop()]);
    await aws.stop();
  });

  const PLAN = manifestFor('shot', 4, {
    framesPerSlice: 2,
    sliceCount: 2,
    tags: { artist: 'ann', shot: '12' },
  });
  const job = (jobId: string) => ({ jobId, jobName: jobId });
  const time = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
  const attempt = (from: number, to: number | undefined, more: Partial<SliceAttempt>): SliceAttempt => ({
    attempt: 1,
    startedAt: time(from),
    ...(to !== undefined && { stoppedAt: time(to) }),
    kept: 0,
    frames: [],
    failed: [],
    ...more,
  });
  const rendered = (frame: number, seconds: number, storedAt: number) => ({
    frame,
    seconds,
    storedAt: time(storedAt),
    bytes: 9,
  });
  const ask = (args: string[], changes: NodeJS.ProcessEnv = {}) =>
    spotreel(args, { environment: { ...environment, ...changes } });

  test('status shows the cost so far by Spot prices from EC2', async () => {
    const { exitCode, stdout } = await ask(['status', 'shot', '--farm', 'main', '--json']);
    expect(exitCode).toBe(0);
    const { state, tags, cost } = JSON.parse(stdout);
    expect({ state, tags }).toEqual({ state: 'rendering', tags: { artist: 'ann', shot: '12' } });
    // moto has one price for whatever machine: 0.00001 an hour.
    expect(cost).toMatchObject({ prices: { source: 'account', region: 'us-east-1' } });
    // The attempt that runs counts up to now: far more than the hour and a half that were noted.
    expect(cost.spot.low).toBeGreaterThan((((3600 + 1800) / 3600) * 4 * 0.00001) / 192);
    expect(cost.onDemand.middle).toBeCloseTo((1800 / 3600) * 4 * 0.0456, 4);
    const text = (await ask(['status', 'shot', '--farm', 'main'])).stdout;
    expect(text).toMatch(/cost so far {3}[\d.,]+ to [\d.,]+ USD, about .*EC2 reported to this account/);
    expect(text).toContain('artist=ann, shot=12');
  });

  if (runsHeavy('commands'))
    test('receipt uses the price table and gives the reason if EC2 denies access', async () => {
      const { exitCode, stdout } = await ask(['receipt', 'shot', '--farm', 'main'], {
        AWS_ENDPOINT_URL_EC2: refusing.endpoint,
      });
      expect(exitCode).toBe(0);
      expect(stdout).toContain('shot: receipt so far (the render has not ended)');
      expect(stdout).toContain(`at prices of the built-in table of ${TABLE_DATE}`);
      expect(stdout).toContain('cannot get Spot prices from EC2: You are not authorized.');
      expect(stdout).toContain('1 of them on On-Demand machines');
      expect(stdout).toContain('3 for 2 slices, 1 interrupted');
      expect(stdout).toContain('an estimate, not your AWS bill');
    });

  if (runsHeavy('commands'))
    test('receipt has no cost for an older farm or a bucket alone', async () => {
      for (const place of [
        ['--farm', 'old'],
        ['-o', `s3://${aws.bucket}/renders/`],
      ]) {
        const { exitCode, stdout } = await ask(['receipt', 'shot', '--json', ...place]);
        expect(exitCode).toBe(0);
        expect(JSON.parse(stdout)).not.toHaveProperty('cost');
      }
    });

  if (runsHeavy('commands'))
    test('the cost of an ended render includes the video’s job', async () => {
      const status: RenderStatus = {
        version: 1,
        renderId: 'shot',
        state: 'partial',
        at: time(9000),
        jobs: { render: 'r', stitch: 's' },
        endedJob: 's',
        findings: [],
        links: { folder: folder.href },
      };
      await storage.put(statusUrl(folder), JSON.stringify(status));
      const stitched = {
        version: 1,
        attempts: [{ startedAt: time(6000), stoppedAt: time(7800), exitCode: 0 }],
      };
      await storage.put(stitchRecordUrl(folder), JSON.stringify(stitched));
      const table = { AWS_ENDPOINT_URL_EC2: refusing.endpoint };
      const asked = await ask(['watch', 'shot', '--farm', 'main', '--json'], table);
      expect(asked.exitCode).toBe(3);
      const { cost } = JSON.parse(asked.stdout);
      // The median of two families is the mean of their prices.
      const onDemand = (0.0432 + 0.048) / 2;
      const spot = onDemand * 0.4;
      expect(cost.spot.middle).toBeCloseTo(((3600 + 1800) / 3600) * 4 * spot, 4);
      expect(cost.onDemand.middle).toBeCloseTo((1800 / 3600) * 4 * onDemand, 4);
      expect(cost.stitch.middle).toBeCloseTo((1800 / 3600) * 4 * spot, 4);
      const receipt = JSON.parse((await ask(['receipt', 'shot', '--farm', 'main', '--json'], table)).stdout);
      expect(receipt.cost).toEqual(cost);
      expect(receipt).toMatchObject({ interruptions: 2, machineSeconds: { total: 9000, lost: 1800 + 100 } });
    });
});

test('submit refuses a tag that AWS would refuse', async () => {
  const { exitCode, stderr } = await spotreel(['submit', SCENE, '--tag', 'aws:artist=ann']);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('tag "aws:artist=ann" must have another name');
});
