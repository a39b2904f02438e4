import { readSettings, type Settings } from '../../lib/settings/settings';
import { allProperties, farmApp, flat, onlyProperties, synthFarm } from './synth-farm';

const TAGS = { 'cost-center': 'films', team: 'render 2' };

/** A farm with every kind of resource. */
const { farmTemplate, storageTemplate } = synthFarm({
  onDemandVcpus: 8,
  gpuVcpus: 8,
  email: 'me@example.com',
  monthlyBudgetUsd: 5,
  interruptionExperiment: true,
  deleteBucket: true,
  tags: TAGS,
  permissionsBoundary: 'org/Edge',
});

interface Resource {
  readonly Type: string;
  readonly Properties?: {
    readonly Tags?: unknown;
    /** Of a budget. */
    readonly ResourceTags?: unknown;
    /** Of a launch template itself. */
    readonly TagSpecifications?: ReadonlyArray<{ readonly Tags: unknown }>;
    readonly PermissionsBoundary?: unknown;
  };
}
const resources: Resource[] = [storageTemplate, farmTemplate].flatMap((template) => {
  const { Resources }: { Resources: Record<string, Resource> } = JSON.parse(
    JSON.stringify(template.toJSON()),
  );
  return Object.values(Resources);
});

/** By the schemas of AWS CloudFormation, these types take no tags. */
const WITHOUT_TAGS = [
  'AWS::EC2::Route',
  'AWS::EC2::SubnetRouteTableAssociation',
  'AWS::EC2::VPCGatewayAttachment',
  'AWS::IAM::InstanceProfile',
  'AWS::IAM::ManagedPolicy',
  'AWS::IAM::Policy',
  'AWS::Lambda::Permission',
  'AWS::Logs::MetricFilter',
  'AWS::Logs::ResourcePolicy',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::Subscription',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::QueuePolicy',
  'Custom::S3AutoDeleteObjects',
];

/** Tags as a list of keys and values, or as an object. */
function hasTags(tags: unknown): boolean {
  const pairs = Array.isArray(tags)
    ? tags.map(({ Key, Value }: { Key: string; Value: string }) => [Key, Value] as const)
    : Object.entries(Object(tags));
  const found = new Map(pairs);
  return Object.entries({ ...TAGS, 'spotreel:farm': 'main' }).every(
    ([name, value]) => found.get(name) === value,
  );
}

test('the setting tags tags every resource that takes tags', () => {
  const untagged = resources.filter(({ Type, Properties = {} }) => {
    const [ofTemplate] = Properties.TagSpecifications ?? [];
    return (
      !WITHOUT_TAGS.includes(Type) && !hasTags(ofTemplate?.Tags ?? Properties.Tags ?? Properties.ResourceTags)
    );
  });
  expect(untagged.map(({ Type }) => Type)).toEqual([]);
});

test('the setting tags tags machines and their disks', () => {
  const { TagSpecifications }: { TagSpecifications: Array<{ ResourceType: string; Tags: unknown }> } =
    onlyProperties(farmTemplate, 'AWS::EC2::LaunchTemplate').LaunchTemplateData;
  expect(TagSpecifications.map(({ ResourceType, Tags }) => [ResourceType, hasTags(Tags)])).toEqual([
    ['instance', true],
    ['volume', true],
  ]);
  const environments = allProperties(farmTemplate, 'AWS::Batch::ComputeEnvironment');
  expect(environments.map(({ properties }) => hasTags(properties.ComputeResources.Tags))).toEqual([
    true,
    true,
    true,
  ]);
});

test('the setting permissionsBoundary limits every role, also those of the CDK', () => {
  const roles = resources.filter(({ Type }) => Type === 'AWS::IAM::Role');
  expect(roles.length).toBeGreaterThan(6);
  for (const { Properties } of roles) {
    expect(flat(Properties!.PermissionsBoundary)).toBe(
      'arn:<AWS::Partition>:iam::<AWS::AccountId>:policy/org/Edge',
    );
  }
});

test('the setting permissionsBoundary also takes an ARN', () => {
  const arn = 'arn:aws:iam::aws:policy/PowerUserAccess';
  const { farmTemplate: template } = synthFarm({ permissionsBoundary: arn });
  const boundaries = allProperties(template, 'AWS::IAM::Role').map(
    ({ properties }) => properties.PermissionsBoundary,
  );
  expect(new Set(boundaries)).toEqual(new Set([arn]));
});

test('account and region decide where both stacks go', () => {
  const { storage, farm } = farmApp({ account: '111122223333', region: 'eu-north-1' });
  for (const stack of [storage, farm]) expect(stack?.environment).toBe('aws://111122223333/eu-north-1');
});

test('without account and region, both stacks go where the credentials belong', () => {
  const { storage, farm } = farmApp();
  for (const stack of [storage, farm]) {
    expect(stack?.environment).toBe('aws://unknown-account/unknown-region');
  }
});

test('SPOTREEL_TAGS has names and values', () => {
  const read = readSettings({}, { SPOTREEL_TAGS: 'cost-center=films, team=a=b' });
  expect(read).toMatchObject<Partial<Settings>>({ tags: { 'cost-center': 'films', team: 'a=b' } });
});

test.each([
  [{ tags: { 'aws:x': 'y' } }, 'tags is {"aws:x":"y"}: must be an object of at most 40 names'],
  [{ tags: { 'Spotreel:farm': 'y' } }, 'without names that begin with aws: or spotreel:'],
  [{ tags: { team: 'a\nb' } }, 'tags is'],
  [{ tags: { team: 3 } }, 'tags is'],
  [
    { tags: Object.fromEntries(Array.from({ length: 41 }, (_, index) => [`t${index}`, ''])) },
    'must have at most 40 names',
  ],
  [{ account: '1234' }, 'account is "1234": must be the 12 digits of an AWS account'],
  [{ region: 'Frankfurt' }, 'region is "Frankfurt": must be an AWS region, such as eu-central-1'],
  [{ permissionsBoundary: 'a policy' }, 'must be the name or ARN of a managed policy'],
])('readSettings refuses %j', (given, message) => {
  expect(() => readSettings(given, {})).toThrow(message);
});

test('readSettings refuses a SPOTREEL_TAGS without values', () => {
  expect(() => readSettings({}, { SPOTREEL_TAGS: 'films' })).toThrow('SPOTREEL_TAGS (tags) is "films"');
});
