import type { Answer, Refusal } from '../../../../cli/doctor/check';
import {
  type AccountFacts,
  type EnvironmentFacts,
  type FarmFacts,
  parseEcrImage,
  quotasOf,
} from '../../../../cli/doctor/farm-facts';
import { explainWaiting, judgeAccount, judgeFarm } from '../../../../cli/doctor/judge-farm';
import { makeFarmDescription } from '../../../support/farm-description';

const FARM = makeFarmDescription();
const answered = <T>(value: T): Answer<T> => ({ value: value });
const refused = (why: Refusal['why'], permission = 'x:Do'): Refusal => ({
  why,
  fault: `AWS says ${why}`,
  permission,
});
const VALID = { state: 'ENABLED', status: 'VALID', statusReason: 'healthy' };
const SPOT: EnvironmentFacts = {
  name: 'spot',
  ...VALID,
  isSpot: true,
  maxVcpus: 256,
  instanceTypes: ['m6i', 'r6i'],
};
const IMAGE = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/assets:tag';
const definition = { arn: 'arn:…:job-definition/render:1', status: 'ACTIVE', image: IMAGE, vcpus: 4 };
const quota = (value?: number) => [{ code: 'L-34B43A08', answer: answered({ code: 'L-34B43A08', value }) }];
const WELL: FarmFacts = {
  farm: FARM,
  listed: answered({}),
  written: [{ prefix: 'uploads/', answer: answered(undefined) }],
  queues: answered([{ name: 'queue', ...VALID }]),
  environments: answered([SPOT]),
  definitions: answered([definition]),
  images: [{ uri: IMAGE, answer: answered({ uri: IMAGE, size: 2e9 }) }],
  quotas: quota(640),
  machines: answered({ started: 3, joined: 2, lost: [] }),
};

test('judgeFarm reports a healthy farm as ok', () => {
  const checks = judgeFarm(WELL);
  expect(checks.map(({ name, state }) => `${state} ${name}`)).toEqual([
    'ok bucket',
    'ok queue',
    'ok machines',
    'ok job',
    'ok image',
    'ok quota',
    'ok running',
  ]);
  expect(checks.at(-2)?.found).toContain('640 vCPUs, the farm uses up to 256');
  expect(checks.at(-1)?.found).toBe('2 of 3 machines are working or ready');
});

const GPU: EnvironmentFacts = { ...SPOT, name: 'gpu', instanceTypes: ['g5.xlarge'] };
const gpuDefinition = { ...definition, arn: 'arn:…:job-definition/gpu:1', gpu: true } as const;
const machinesOf = (facts: Partial<FarmFacts>) =>
  judgeFarm({ ...WELL, ...facts }).filter(({ name }) => name === 'machines');

test('judgeFarm finds jobs that fit no machine of the farm', () => {
  const small = { ...SPOT, instanceTypes: ['c6i.xlarge'] };
  const definitions = answered([{ ...definition, memoryMib: 14_000 }]);
  expect(machinesOf({ environments: answered([small]), definitions })).toMatchObject([
    {
      state: 'wrong',
      found:
        'spot cannot run all jobs of the farm: no machine of c6i.xlarge has 14000 MiB for a job with 4 vCPUs; the largest leaves about 8064 MiB',
      fix: expect.stringContaining('renderMemoryMib'),
    },
  ]);
});

test('judgeFarm shows how long idle machines wait and what that costs', () => {
  const environments = answered([{ ...SPOT, warmMinutes: 30 }]);
  const farm = { ...FARM, warmMinutes: 30 };
  const [check] = machinesOf({ farm, environments });
  expect(check).toMatchObject({ state: 'ok' });
  // m6i and r6i: (0.048 + 0.063) / 2 × 0.4 USD per vCPU-hour
  expect(check?.found).toContain(
    'wait 30 min for a job, each time for about 0.011 USD per vCPU, or 2.84 USD for all',
  );
});

test('judgeFarm warns if machines wait longer than the deployed setting says', () => {
  const environments = answered([{ ...SPOT, warmMinutes: 30 }]);
  expect(machinesOf({ environments })).toMatchObject([
    {
      state: 'warning',
      found: expect.stringContaining('the farm was deployed with warmMinutes 0'),
      fix: expect.stringContaining(
        '--compute-environment spot --compute-resources scalingPolicy={minScaleDownDelayMinutes=0}',
      ),
    },
  ]);
});

test('judgeFarm accepts On-Demand machines that never wait', () => {
  const environments = answered([{ ...SPOT, isSpot: false }]);
  expect(machinesOf({ farm: { ...FARM, warmMinutes: 30 }, environments })).toMatchObject([{ state: 'ok' }]);
});

test('judgeFarm checks jobs with GPUs only against machines with GPUs', () => {
  const jobs = answered([
    { ...definition, memoryMib: 30_000 },
    { ...gpuDefinition, memoryMib: 14_000 },
  ]);
  const environments = answered([SPOT, GPU]);
  expect(machinesOf({ environments, definitions: jobs }).map(({ state }) => state)).toEqual(['ok', 'ok']);
  const large = answered([definition, { ...gpuDefinition, memoryMib: 30_000 }]);
  expect(machinesOf({ environments, definitions: large }).map(({ state }) => state)).toEqual(['ok', 'wrong']);
});

test.each<[string, Partial<FarmFacts>, string, string, RegExp]>([
  ['the bucket does not exist', { listed: refused('refused') }, 'bucket', 'wrong', /deploy/],
  [
    'access to read the bucket is denied',
    { listed: refused('denied', 's3:ListBucket') },
    'bucket',
    'warning',
    /s3:ListBucket/,
  ],
  [
    'access to write to the bucket is denied',
    { written: [{ prefix: 'uploads/', answer: refused('denied', 's3:PutObject') }] },
    'bucket',
    'warning',
    /s3:PutObject/,
  ],
  [
    'S3 does not answer in time',
    { written: [{ prefix: 'r/', answer: refused('late') }] },
    'bucket',
    'warning',
    /again/,
  ],
  [
    'a queue is missing',
    { queues: answered([{ name: 'q', state: 'not there', status: 'not there' }]) },
    'queue',
    'wrong',
    /deploy/,
  ],
  [
    'a queue is disabled',
    { queues: answered([{ name: 'q', ...VALID, state: 'DISABLED' }]) },
    'queue',
    'wrong',
    /enable/,
  ],
  [
    'a queue is being created',
    { queues: answered([{ name: 'q', ...VALID, status: 'CREATING' }]) },
    'queue',
    'warning',
    /wait/,
  ],
  ['access to queues is denied', { queues: refused('denied', 'batch:D') }, 'queue', 'warning', /batch:D/],
  [
    'a compute environment is invalid',
    { environments: answered([{ ...SPOT, status: 'INVALID' }]) },
    'machines',
    'wrong',
    /deploy/,
  ],
  [
    'Auto Scaling may not use the default EBS key',
    {
      environments: answered([
        {
          ...SPOT,
          status: 'INVALID',
          statusReason: 'CLIENT_ERROR - Client.InternalError: Client error on launch',
        },
      ]),
    },
    'machines',
    'wrong',
    /AWSServiceRoleForAutoScaling/,
  ],
  ['compute environments are missing', { environments: answered([]) }, 'machines', 'wrong', /deploy/],
  [
    'the compute environment is too small for a slice',
    { environments: answered([{ ...SPOT, maxVcpus: 2 }]) },
    'machines',
    'wrong',
    /spotVcpus/,
  ],
  [
    'AWS Batch has a newer machine image',
    { environments: answered([{ ...SPOT, hasNewerImage: true }]) },
    'machines',
    'warning',
    /aws batch update-compute-environment --compute-environment spot --compute-resources updateToLatestImageVersion=true/,
  ],
  ['a job definition is missing', { definitions: answered([{ arn: 'a/x:1' }]) }, 'job', 'wrong', /deploy/],
  [
    'a job definition is inactive',
    { definitions: answered([{ arn: 'a/x:1', status: 'INACTIVE' }]) },
    'job',
    'wrong',
    /deploy/,
  ],
  [
    'the image is missing',
    { images: [{ uri: IMAGE, answer: answered({ uri: IMAGE }) }] },
    'image',
    'wrong',
    /imageUri/,
  ],
  [
    'access to images is denied',
    { images: [{ uri: IMAGE, answer: refused('denied', 'ecr:D') }] },
    'image',
    'warning',
    /ecr:D/,
  ],
  ['the image is not in ECR', { images: [] }, 'image', 'skipped', /^$/],
  ['the quota is below the size of the farm', { quotas: quota(64) }, 'quota', 'warning', /L-34B43A08/],
  [
    'the quota is below one slice',
    { quotas: quota(3) },
    'quota',
    'wrong',
    /Service Quotas > EC2 > All Standard/,
  ],
  ['the quota is unknown', { quotas: quota() }, 'quota', 'warning', /L-34B43A08/],
  [
    'machines never join their cluster',
    { machines: answered({ started: 3, joined: 1, lost: ['i-1', 'i-2'] }) },
    'running',
    'wrong',
    /subnetIds have a way out .* NAT gateway .* terminate/,
  ],
  [
    'access to machines is denied',
    { machines: refused('denied', 'ec2:DescribeInstances') },
    'running',
    'warning',
    /ec2:DescribeInstances/,
  ],
])('judgeFarm reports that %s', (_, change, name, state, fix) => {
  const checks = judgeFarm({ ...WELL, ...change });
  const check = checks.find((one) => one.name === name);
  expect(check?.state).toBe(state);
  expect(check?.fix ?? '').toMatch(fix);
  // A refused request hides no other check.
  expect(checks.map((one) => one.name)).toEqual(
    expect.arrayContaining(['bucket', 'queue', 'machines', 'job']),
  );
});

test('judgeFarm shows the status and reason that AWS Batch gives for a queue', () => {
  const queues = answered([{ name: 'q', state: 'ENABLED', status: 'INVALID', statusReason: 'no role' }]);
  expect(judgeFarm({ ...WELL, queues })[1]?.found).toBe('q is ENABLED, INVALID (no role)');
});

const IDENTITY = answered({ account: '123456789012', arn: 'arn:aws:iam::123456789012:user/a' });

test.each<[string, AccountFacts, unasked: string, asked: string, RegExp]>([
  ['no credentials', { region: 'r' }, 'skipped AWS', 'wrong AWS', /aws sso login|^$/],
  [
    'expired credentials',
    { credentials: refused('no-credentials') },
    'warning credentials',
    'wrong credentials',
    /aws sso login/,
  ],
  ['no network', { credentials: refused('late') }, 'warning credentials', 'wrong credentials', /again/],
  ['no region', { credentials: IDENTITY }, 'warning region', 'wrong region', /AWS_REGION/],
  [
    'no farm',
    { credentials: IDENTITY, region: 'r', farm: { code: 'no-farm', fault: 'it is missing; deploy one' } },
    'skipped farm',
    'wrong farm',
    /deploy/,
  ],
  [
    'a farm of another version',
    { credentials: IDENTITY, region: 'r', farm: { code: 'bad-farm', fault: 'it is old; deploy it again' } },
    'wrong farm',
    'wrong farm',
    /^deploy it again$/,
  ],
  [
    'a farm to which access is denied',
    { credentials: IDENTITY, region: 'r', farm: refused('denied', 'ssm:GetParameter') },
    'warning farm',
    'wrong farm',
    /ssm:GetParameter/,
  ],
  ['a farm', { credentials: IDENTITY, region: 'r', farm: { value: FARM } }, 'ok farm', 'ok farm', /^$/],
])('judgeAccount reports the last check of an account with %s', (_, facts, unasked, asked, fix) => {
  for (const [isAskedFor, expected] of [
    [false, unasked],
    [true, asked],
  ] as const) {
    const last = judgeAccount(facts, isAskedFor).at(-1)!;
    expect(`${last.state} ${last.name}`).toBe(expected);
    expect(last.fix ?? '').toMatch(fix);
  }
});

test('judgeAccount reports missing credentials before a missing region', () => {
  const names = judgeAccount({}, true).map(({ name, state }) => `${state} ${name}`);
  expect(names).toEqual(['wrong AWS', 'wrong region']);
});

test.each<[string[], boolean, string[]]>([
  [['m6i', 'r6i.2xlarge', 'c7a'], true, ['L-34B43A08']],
  [['optimal'], false, ['L-1216C47A']],
  [['g5', 'g6e.xlarge', 'vt1'], true, ['L-3819A6DF']],
  [['p4d', 'g4dn', 'm6i'], true, ['L-7212CCBC', 'L-3819A6DF', 'L-34B43A08']],
  [['hpc7a', 'inf2', 'x2idn', 'trn1', 'u-6tb1', 'dl1', 'f2', 'mac2'], true, []],
  [['i4i', 'im4gn', 'd3', 'h1', 't3', 'z1d', 'a1'], false, ['L-1216C47A']],
])('quotasOf finds the quotas of machines %p', (instanceTypes, isSpot, codes) => {
  expect(quotasOf({ ...SPOT, isSpot, instanceTypes }).map(({ code }) => code)).toEqual(codes);
});

test('parseEcrImage reads the tag or digest of images in ECR only', () => {
  const found = { registryId: '123456789012', region: 'eu-west-1', repositoryName: 'a/b' };
  const uri = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b';
  expect(parseEcrImage(`${uri}:5.2`)).toEqual({ ...found, imageId: { imageTag: '5.2' } });
  expect(parseEcrImage(`${uri}:5.2@sha256:ab`)).toEqual({ ...found, imageId: { imageDigest: 'sha256:ab' } });
  expect(parseEcrImage(uri)).toEqual({ ...found, imageId: { imageTag: 'latest' } });
  expect(parseEcrImage('ghcr.io/me/blender:5.2')).toBeUndefined();
  expect(parseEcrImage('public.ecr.aws/me/blender:5.2')).toBeUndefined();
});

test('explainWaiting gives the faults of the farm and the number of its machines', () => {
  const why = (change: Partial<FarmFacts>) => explainWaiting({ ...WELL, ...change });
  const machines = (started: number, joined: number) => answered({ started, joined, lost: [] });
  expect(why({})).toEqual([expect.stringMatching(/^2 machines of the farm can take jobs/)]);
  expect(why({ machines: machines(1, 0) })).toEqual([expect.stringMatching(/^1 machine is starting/)]);
  expect(why({ machines: machines(0, 0) })).toEqual([expect.stringMatching(/^no machine of the farm runs/)]);
  // The fault may concern another queue than the one of the waiting job, so the machines are listed, too.
  expect(why({ quotas: quota(3) })).toEqual([
    expect.stringMatching(/3 vCPUs, but one slice needs 4.*request more: Service Quotas/),
    expect.stringMatching(/^2 machines of the farm can take jobs/),
  ]);
  expect(
    why({ quotas: quota(3), machines: answered({ started: 1, joined: 0, lost: ['i-1'] }) }),
  ).toHaveLength(2);
  // A quota that is unknown or below the farm's size is a reason only if no machine runs.
  expect(why({ quotas: quota(64) })).toHaveLength(1);
  expect(why({ quotas: quota(64), machines: machines(0, 0) })).toEqual([
    expect.stringMatching(/^no machine of the farm runs/),
    expect.stringMatching(/64 vCPUs, below the 256/),
  ]);
  const unasked = [{ code: 'L-34B43A08', answer: refused('denied', 'servicequotas:GetServiceQuota') }];
  expect(why({ quotas: unasked, machines: machines(0, 0) })).toEqual([
    expect.stringMatching(/^no machine of the farm runs/),
    expect.stringContaining('credentials lack servicequotas:GetServiceQuota'),
  ]);
  expect(why({ machines: refused('denied') })).toBeUndefined();
  expect(why({ environments: refused('late'), machines: refused('late') })).toBeUndefined();
  // A late answer hides no other fault.
  expect(why({ machines: refused('late'), quotas: quota(3) })).toHaveLength(1);
});
