import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  DisableAlarmActionsCommand,
  EnableAlarmActionsCommand,
} from '@aws-sdk/client-cloudwatch';
import { DeleteRolePolicyCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import type { JobDetail } from '@aws-sdk/client-batch';
import { PutBucketNotificationConfigurationCommand } from '@aws-sdk/client-s3';
import { findExecutable } from '../../core/processes/run-program';
import { renderJobName, stitchJobName } from '../../core/render/records';
import { runsHeavy } from '../support/heavy';
import { startHttpServer } from '../support/http-server';
import { spotreel, startProgram } from '../support/spotreel';
import { type AwsEmulator, startAwsEmulator } from './aws-emulator';
import { deploy, synthesize } from './deploy';
import { DeployedFarm } from './deployed-farm';
import { JobRunner } from './job-runner';

jest.setTimeout(900_000);

/** Of Debian 12, which the tests have. Only frames of the same Blender are compared. */
const BLENDER = '3.4.1';

const isWanted = runsHeavy('prove');
const isPossible = process.getuid?.() === 0 && findExecutable('blender', process.env.PATH) !== undefined;
if (isWanted && !isPossible)
  console.warn('NOT TESTED: spotreel prove, because this needs root (for the worker’s user) and a Blender');

interface Proof {
  readonly exitCode: number | null;
  /** Check → state. */
  readonly states: Readonly<Record<string, string>>;
  readonly text: string;
}

// In order: a farm is broken further in each test, and the first one has a whole farm.
(isWanted && isPossible ? describe : describe.skip)('spotreel prove', () => {
  let folder: string;
  let aws: AwsEmulator;
  let farm: DeployedFarm;
  let machine: JobRunner;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spotreel-prove-'));
    await synthesize(join(folder, 'cdk.out'), { SPOTREEL_BLENDER_VERSIONS: BLENDER });
    aws = await startAwsEmulator(true);
    await deploy(join(folder, 'cdk.out'), aws);
    farm = await DeployedFarm.find(aws);
    machine = new JobRunner(farm, aws);
    machine.start();
  });
  afterAll(async () => {
    await machine?.stop();
    await aws?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function prove(minutes: number, environment: NodeJS.ProcessEnv = {}): Promise<Proof> {
    const args = ['prove', '--yes', '--json', '--minutes', String(minutes)];
    const { exitCode, stdout, stderr } = await spotreel(args, {
      environment: { ...aws.environment(), ...environment },
    });
    const checks: Array<{ name: string; state: string }> = stdout === '' ? [] : JSON.parse(stdout).checks;
    const states = Object.fromEntries(checks.map(({ name, state }) => [name, state]));
    return { exitCode, states, text: stdout + stderr };
  }

  /** Names of the checks in this state. */
  const inState = ({ states }: Proof, state: string) =>
    Object.keys(states).filter((name) => states[name] === state);

  const keysOfProve = async () =>
    (
      await Promise.all(
        ['renders/prove-', 'uploads/prove-', 'caps/prove-'].map((prefix) => farm.keys(prefix)),
      )
    ).flat();

  test('prove finds a whole farm in order, and deletes what it stored', async () => {
    const proof = await prove(10);
    expect({ ...proof, wrong: inState(proof, 'failed') }).toMatchObject({ wrong: [], exitCode: 0 });
    expect(inState(proof, 'skipped')).toEqual([]);
    expect(inState(proof, 'ok')).toHaveLength(20);
    expect(await keysOfProve()).toEqual([]);
  });

  test('prove finds broken machines, broken frames, and jobs that do not wait', async () => {
    const metadata = await startHttpServer((_, answer) => void answer.end('a token'));
    machine.break({
      environment: {
        AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.endpoint,
        SPOTREEL_SANDBOX: 'off',
        SPOTREEL_SPOT_NOTICE: '/nonexistent/spot-notice.json',
        SPOTREEL_FFMPEG: '/nonexistent/ffmpeg',
      },
      cacheMode: 0o755,
      scratchMode: 0o755,
      noGpu: true,
      noOrder: true,
      beforeEnd: breakResults,
    });
    const removePolicy = await allowEverything();
    try {
      const proof = await prove(10);
      expect(inState(proof, 'failed').toSorted()).toEqual(
        [
          ...['cache', 'credentials', 'cycles', 'dependency', 'eevee', 'finish', 'gpu', 'gpu-dependency'],
          ...['image', 'metadata', 'notice', 'rights', 'sandbox', 'scratch'],
        ].toSorted(),
      );
      expect(proof.exitCode).toBe(1);
      expect(await keysOfProve()).toEqual([]);
    } finally {
      await metadata.stop();
      await removePolicy();
    }
  });

  /** Frames are swapped, and the stitch job fails. */
  async function breakResults({ jobName = '', container }: JobDetail): Promise<void> {
    if (jobName.endsWith(stitchJobName(''))) throw new Error('broken');
    const output = container?.command?.[container.command.indexOf('-o') + 1] ?? '';
    const [, key] = /^s3:\/\/[^/]+\/(.*?)\/?$/.exec(output) ?? [];
    const isRender = jobName.endsWith(renderJobName(''));
    if (key === undefined || !(isRender || jobName.endsWith('-eevee'))) return;
    const [frame] = await farm.keys(`${key}/frames/`);
    await farm.put(frame!, await otherFrame());
  }

  /** A picture of the same size. */
  async function otherFrame(): Promise<Uint8Array> {
    const { PNG } = await import('pngjs');
    return PNG.sync.write(new PNG({ width: 96, height: 54, fill: true }));
  }

  async function allowEverything(): Promise<() => Promise<unknown>> {
    const iam = new IAMClient(aws.clientConfig());
    const policy = {
      RoleName: farm.idOf('AWS::IAM::Role', 'JobsWorkerRole'),
      PolicyName: 'everything',
    };
    const Statement = [{ Effect: 'Allow', Action: '*', Resource: '*' }];
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    await iam.send(new PutRolePolicyCommand({ ...policy, PolicyDocument }));
    return () => iam.send(new DeleteRolePolicyCommand(policy));
  }

  test('prove finds missing retries, a lost reason, and an alarm without actions', async () => {
    machine.break({ noRetry: true, reason: 'Array Child Job failed' });
    const alarms = new CloudWatchClient(aws.clientConfig());
    const { MetricAlarms = [] } = await alarms.send(new DescribeAlarmsCommand({}));
    const AlarmNames = [MetricAlarms[0]!.AlarmName!];
    await alarms.send(new DisableAlarmActionsCommand({ AlarmNames }));
    const proof = await prove(10, { SPOTREEL_BLENDER: '/nonexistent/blender' });
    await alarms.send(new EnableAlarmActionsCommand({ AlarmNames }));
    // The probe that waits for the broken array never runs, so one image has no report.
    expect(inState(proof, 'failed').toSorted()).toEqual(['alarms', 'array', 'cancel', 'image', 'retry']);
    expect(inState(proof, 'skipped').toSorted()).toEqual(['cache', 'cycles', 'dependency', 'eevee']);
  });

  test('an interrupted prove terminates its jobs and deletes its files', async () => {
    machine.break({ noMachines: true });
    const before = (await farm.jobs()).length;
    const { process: prover, finished } = startProgram('spotreel', ['prove', '--yes'], {
      environment: { ...aws.environment(), SPOTREEL_BLENDER: '/nonexistent/blender' },
    });
    while ((await farm.jobs()).length <= before + 3) await new Promise((resolve) => setTimeout(resolve, 200));
    prover.kill('SIGINT');
    expect(await finished).toMatchObject({ exitCode: 130, stdout: '' });
    const states = (await farm.jobs()).slice(before).map(({ status }) => status);
    expect([...new Set(states)]).toEqual(['FAILED']);
    expect(await keysOfProve()).toEqual([]);
  });

  test('prove finds a farm without machines whose uploads start nothing', async () => {
    machine.break({ noMachines: true });
    const { bucket: Bucket } = farm.description;
    await farm.s3.send(
      new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: {} }),
    );
    const proof = await prove(1, { SPOTREEL_BLENDER: '/nonexistent/blender' });
    expect(inState(proof, 'failed')).toEqual(
      expect.arrayContaining(['machine', 'upload', 'array', 'retry', 'cancel', 'image', 'gpu']),
    );
    expect(proof.exitCode).toBe(1);
    expect(await keysOfProve()).toEqual([]);
  });
});
