import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutBucketNotificationConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import { runsHeavy } from '../support/heavy';
import { ROOT } from '../support/source-files';
import { ACCOUNT, type AwsEmulator, REGION, startAwsEmulator } from './aws-emulator';
import { deploy, synthesize } from './deploy';
import { DeployedFarm } from './deployed-farm';

// Against hangs alone: in the gate the other tests run meanwhile.
jest.setTimeout(900_000);

const SCENE = readFileSync(join(ROOT, 'examples/clock.blend'));
const OWN_BUCKET = 'acme-films';
const BOUNDARY = `arn:aws:iam::${ACCOUNT}:policy/Edge`;

/** Farms for three kinds of accounts, by their names, with their stacks. All are in one account. */
const FARMS: ReadonlyArray<
  [name: string, what: string, settings: Readonly<Record<string, string>>, parts: readonly string[]]
> = [
  ['main', 'with nothing special', {}, ['storage', 'farm']],
  [
    'second',
    'with its own bucket and key',
    {
      SPOTREEL_BUCKET_NAME: OWN_BUCKET,
      // The emulator does not encrypt, so this key does not exist.
      SPOTREEL_KMS_KEY_ARN: `arn:aws:kms:${REGION}:${ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef`,
    },
    ['farm'],
  ],
  [
    'third',
    'without internet, and with required tags and a boundary',
    {
      SPOTREEL_VPC_ENDPOINTS: 'true',
      SPOTREEL_VPC_CIDR: '192.168.8.0/24',
      SPOTREEL_PERMISSIONS_BOUNDARY: BOUNDARY,
      SPOTREEL_ON_DEMAND_VCPUS: '16',
    },
    ['storage', 'farm'],
  ],
];

(runsHeavy('accounts') ? describe : describe.skip)('three farms in one account', () => {
  let aws: AwsEmulator;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spotreel-accounts-'));
    aws = await startAwsEmulator(false);
    // As their owners prepare them (docs/farm.md).
    const s3 = new S3Client(aws.clientConfig());
    await s3.send(new CreateBucketCommand({ Bucket: OWN_BUCKET }));
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: OWN_BUCKET,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );
    for (const [name, , settings] of FARMS) {
      const assembly = join(folder, name);
      await synthesize(assembly, { ...settings, SPOTREEL_FARM_NAME: name, SPOTREEL_GPU_VCPUS: '0' });
      await deploy(assembly, aws);
    }
  });
  afterAll(async () => {
    await aws?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(FARMS)(
    'an upload to farm %s, %s, becomes jobs of that farm alone',
    async (name, _, __, parts) => {
      const farm = await DeployedFarm.find(aws, name, parts);
      expect(farm.resources.filter(({ status }) => status !== 'CREATE_COMPLETE')).toEqual([]);
      await farm.put(`uploads/${name}.blend`, SCENE);
      await farm.appears('renders/', '/jobs.json');
      const names = (await farm.jobs()).map(({ jobName }) => jobName);
      expect(names).toEqual([expect.stringMatching(`^${name}`), expect.stringMatching(`^${name}`)]);
    },
  );

  test('the farm with its own bucket leaves others in that bucket alone', async () => {
    const farm = await DeployedFarm.find(aws, 'second', ['farm']);
    expect(farm.description.bucket).toBe(OWN_BUCKET);
    await farm.put('elsewhere/shot.blend', SCENE);
    expect(await farm.quiet()).toBe(0);
    expect((await farm.jobs()).every(({ jobName }) => jobName!.startsWith('second'))).toBe(true);
  });
});
