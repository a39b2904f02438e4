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
const answered = <T>(value: T): Answer<T> => ({ value });
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

test('a farm of which all is well', () => {
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

test.each<[string, Partial<FarmFacts>, string, string, RegExp]>([
  ['the bucket is not there', { listed: refused('refused') }, 'bucket', 'wrong', /deploy/],
  [
    'the bucket may not be read',
    { listed: refused('denied', 's3:ListBucket') },
    'bucket',
    'warning',
    /s3:ListBucket/,
  ],
  [
    'nothing may be put into it',
    { written: [{ prefix: 'uploads/', answer: refused('denied', 's3:PutObject') }] },
    'bucket',
    'warning',
    /s3:PutObject/,
  ],
  ['S3 is late', { written: [{ prefix: 'r/', answer: refused('late') }] }, 'bucket', 'warning', /again/],
  [
    'a queue is gone',
    { queues: answered([{ name: 'q', state: 'missing', status: 'missing' }]) },
    'queue',
    'wrong',
    /deploy/,
  ],
  [
    'a queue is off',
    { queues: answered([{ name: 'q', ...VALID, state: 'DISABLED' }]) },
    'queue',
    'wrong',
    /enable/,
  ],
  [
    'a queue is made',
    { queues: answered([{ name: 'q', ...VALID, status: 'CREATING' }]) },
    'queue',
    'warning',
    /wait/,
  ],
  ['queues may not be looked at', { queues: refused('denied', 'batch:D') }, 'queue', 'warning', /batch:D/],
  [
    'machines are invalid',
    { environments: answered([{ ...SPOT, status: 'INVALID' }]) },
    'machines',
    'wrong',
    /deploy/,
  ],
  ['there are no machines', { environments: answered([]) }, 'machines', 'wrong', /deploy/],
  [
    'machines are too few',
    { environments: answered([{ ...SPOT, maxVcpus: 2 }]) },
    'machines',
    'wrong',
    /spotVcpus/,
  ],
  ['a job is gone', { definitions: answered([{ arn: 'a/x:1' }]) }, 'job', 'wrong', /deploy/],
  [
    'a job is taken back',
    { definitions: answered([{ arn: 'a/x:1', status: 'INACTIVE' }]) },
    'job',
    'wrong',
    /deploy/,
  ],
  [
    'the image is gone',
    { images: [{ uri: IMAGE, answer: answered({ uri: IMAGE }) }] },
    'image',
    'wrong',
    /imageUri/,
  ],
  [
    'images may not be looked at',
    { images: [{ uri: IMAGE, answer: refused('denied', 'ecr:D') }] },
    'image',
    'warning',
    /ecr:D/,
  ],
  ['the image lies elsewhere', { images: [] }, 'image', 'skipped', /^$/],
  ['the quota is below the farm', { quotas: quota(64) }, 'quota', 'warning', /L-34B43A08/],
  [
    'the quota is below a slice',
    { quotas: quota(3) },
    'quota',
    'wrong',
    /Service Quotas > EC2 > All Standard/,
  ],
  ['the quota is not known', { quotas: quota() }, 'quota', 'warning', /L-34B43A08/],
  [
    'machines never join',
    { machines: answered({ started: 3, joined: 1, lost: ['i-1', 'i-2'] }) },
    'running',
    'wrong',
    /terminate/,
  ],
  [
    'machines may not be looked at',
    { machines: refused('denied', 'ec2:DescribeInstances') },
    'running',
    'warning',
    /ec2:DescribeInstances/,
  ],
])('%s', (_, change, name, state, fix) => {
  const checks = judgeFarm({ ...WELL, ...change });
  const check = checks.find((one) => one.name === name);
  expect(check?.state).toBe(state);
  expect(check?.fix ?? '').toMatch(fix);
  // Nothing of it is hidden by what could not be asked.
  expect(checks.map((one) => one.name)).toEqual(
    expect.arrayContaining(['bucket', 'queue', 'machines', 'job']),
  );
});

test('what AWS Batch says of a part is told', () => {
  const queues = answered([{ name: 'q', state: 'ENABLED', status: 'INVALID', statusReason: 'no role' }]);
  expect(judgeFarm({ ...WELL, queues })[1]?.found).toBe('q is ENABLED, INVALID (no role)');
});

const IDENTITY = answered({ account: '123456789012', arn: 'arn:aws:iam::123456789012:user/a' });

test.each<[string, AccountFacts, unasked: string, asked: string, RegExp]>([
  ['no credentials', {}, 'skipped AWS', 'wrong AWS', /aws sso login|^$/],
  [
    'expired ones',
    { credentials: refused('no-credentials') },
    'warning credentials',
    'wrong credentials',
    /aws sso login/,
  ],
  ['no network', { credentials: refused('late') }, 'warning credentials', 'wrong credentials', /again/],
  ['no region', { credentials: IDENTITY }, 'warning region', 'wrong region', /AWS_REGION/],
  [
    'no farm',
    { credentials: IDENTITY, region: 'r', farm: { code: 'no-farm', fault: 'there is none; deploy one' } },
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
    'a farm that may not be read',
    { credentials: IDENTITY, region: 'r', farm: refused('denied', 'ssm:GetParameter') },
    'warning farm',
    'wrong farm',
    /ssm:GetParameter/,
  ],
  ['a farm', { credentials: IDENTITY, region: 'r', farm: { value: FARM } }, 'ok farm', 'ok farm', /^$/],
])('of an account with %s', (_, facts, unasked, asked, fix) => {
  for (const [isAskedFor, expected] of [
    [false, unasked],
    [true, asked],
  ] as const) {
    const last = judgeAccount(facts, isAskedFor).at(-1)!;
    expect(`${last.state} ${last.name}`).toBe(expected);
    expect(last.fix ?? '').toMatch(fix);
  }
});

test.each<[string[], boolean, string[]]>([
  [['m6i', 'r6i.2xlarge', 'c7a'], true, ['L-34B43A08']],
  [['optimal'], false, ['L-1216C47A']],
  [['g5', 'g6e.xlarge', 'vt1'], true, ['L-3819A6DF']],
  [['p4d', 'g4dn', 'm6i'], true, ['L-7212CCBC', 'L-3819A6DF', 'L-34B43A08']],
  [['hpc7a', 'inf2', 'x2idn', 'trn1', 'u-6tb1', 'dl1', 'f2', 'mac2'], true, []],
  [['i4i', 'im4gn', 'd3', 'h1', 't3', 'z1d', 'a1'], false, ['L-1216C47A']],
])('machines %p count against their quotas', (instanceTypes, isSpot, codes) => {
  expect(quotasOf({ ...SPOT, isSpot, instanceTypes }).map(({ code }) => code)).toEqual(codes);
});

test('an image in ECR is told from others, with its tag, its digest, or the usual tag', () => {
  const found = { registryId: '123456789012', region: 'eu-west-1', repositoryName: 'a/b' };
  const uri = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b';
  expect(parseEcrImage(`${uri}:5.2`)).toEqual({ ...found, imageId: { imageTag: '5.2' } });
  expect(parseEcrImage(`${uri}:5.2@sha256:ab`)).toEqual({ ...found, imageId: { imageDigest: 'sha256:ab' } });
  expect(parseEcrImage(uri)).toEqual({ ...found, imageId: { imageTag: 'latest' } });
  expect(parseEcrImage('ghcr.io/me/blender:5.2')).toBeUndefined();
  expect(parseEcrImage('public.ecr.aws/me/blender:5.2')).toBeUndefined();
});

test('why jobs wait that long could run: what is wrong, or else how many machines there are', () => {
  const why = (change: Partial<FarmFacts>) => explainWaiting({ ...WELL, ...change });
  const machines = (started: number, joined: number) => answered({ started, joined, lost: [] });
  expect(why({})).toEqual([expect.stringMatching(/^2 machines of the farm can take jobs/)]);
  expect(why({ machines: machines(1, 0) })).toEqual([expect.stringMatching(/^1 machine is starting/)]);
  expect(why({ machines: machines(0, 0) })).toEqual([expect.stringMatching(/^no machine of the farm runs/)]);
  // It may be wrong with another queue than the one where something waits: the machines are told, too.
  expect(why({ quotas: quota(3) })).toEqual([
    expect.stringMatching(/3 vCPUs, but one slice needs 4.*request more: Service Quotas/),
    expect.stringMatching(/^2 machines of the farm can take jobs/),
  ]);
  expect(
    why({ quotas: quota(3), machines: answered({ started: 1, joined: 0, lost: ['i-1'] }) }),
  ).toHaveLength(2);
  // A quota below the farm's size, or that may not be asked for, is a reason only where nothing runs.
  expect(why({ quotas: quota(64) })).toHaveLength(1);
  expect(why({ quotas: quota(64), machines: machines(0, 0) })).toEqual([
    expect.stringMatching(/^no machine of the farm runs/),
    expect.stringMatching(/64 vCPUs, below the 256/),
  ]);
  const unasked = [{ code: 'L-34B43A08', answer: refused('denied', 'servicequotas:GetServiceQuota') }];
  expect(why({ quotas: unasked, machines: machines(0, 0) })).toEqual([
    expect.stringMatching(/^no machine of the farm runs/),
    expect.stringContaining('lack servicequotas:GetServiceQuota'),
  ]);
  expect(why({ machines: refused('denied') })).toBeUndefined();
  expect(why({ environments: refused('late'), machines: refused('late') })).toBeUndefined();
  // What could be looked at is told all the same.
  expect(why({ machines: refused('late'), quotas: quota(3) })).toHaveLength(1);
});
