import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { AccountRootPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { SpotreelFarm, type SpotreelFarmProps } from '../../lib/constructs/spotreel-farm';
import {
  allProperties,
  expectAttributes,
  expectCounts,
  expectResource,
  flat,
  grants,
  onlyProperties,
} from './synth-farm';
import { runsHeavy } from '../support/heavy';

/** A user's stack in an app without any feature flags. */
function ownStack(id = 'Mine', app = ownApp()): Stack {
  return new Stack(app, id);
}

function ownApp(): App {
  return new App({
    ...{ builtinCloudFormationValidation: false, stackTraces: false, analyticsReporting: false },
    context: { 'aws:cdk:bundling-stacks': [] },
  });
}

function addFarm(stack: Stack, props: SpotreelFarmProps = {}, id = 'Farm'): SpotreelFarm {
  return new SpotreelFarm(stack, id, props);
}

/** The template of a stack with a farm, whose props may use the stack. */
function farmIn(propsOf: (stack: Stack) => SpotreelFarmProps = () => ({})): Template {
  const stack = ownStack();
  addFarm(stack, propsOf(stack));
  return Template.fromStack(stack);
}

const IMPORTED_KEY = 'arn:aws:kms:us-east-1:111122223333:key/abc';

describe('a farm without props', () => {
  const template = farmIn();

  test('has its own bucket, which remains when the farm is deleted', () => {
    expectAttributes(template, 'AWS::S3::Bucket', { DeletionPolicy: 'Retain' });
  });

  test('is the farm main', () => {
    expectResource(template, 'AWS::SSM::Parameter', { Name: '/spotreel/main' });
  });

  test('deploys no Lambda besides its own three', () => {
    expectCounts(template, { 'AWS::Lambda::Function': 3 });
  });

  test('gives all that it creates the tag of the farm', () => {
    const Tags = [{ Key: 'spotreel:farm', Value: 'main' }];
    expectResource(template, 'AWS::Lambda::Function', { Tags });
  });
});

test('a farm takes every setting as a prop', () => {
  const template = farmIn(() => ({ farmName: 'studio', spotVcpus: 8 }));
  expectResource(template, 'AWS::SSM::Parameter', { Name: '/spotreel/studio' });
  expectResource(template, 'AWS::Batch::ComputeEnvironment', { ComputeResources: { MaxvCpus: 8 } });
});

describe('a farm with an imported bucket and its imported key', () => {
  const template = farmIn((stack) => ({
    bucket: Bucket.fromBucketAttributes(stack, 'Films', {
      bucketArn: 'arn:aws:s3:::acme-films',
      encryptionKey: Key.fromKeyArn(stack, 'Key', IMPORTED_KEY),
    }),
  }));

  test('works in that bucket', () => {
    expectCounts(template, { 'AWS::S3::Bucket': 0 });
    expect(grants(template, 'FarmJobsWorkerRole')['s3:GetObject']).toEqual([
      'arn:aws:s3:::acme-films/renders/*',
      'arn:aws:s3:::acme-films/uploads/*',
    ]);
  });

  test('switches on the events of the bucket', () => {
    expectResource(template, 'Custom::S3BucketNotifications', { BucketName: 'acme-films' });
  });

  test.each([
    ['worker', 'FarmJobsWorkerRole'],
    ['submit Lambda', 'FarmUploadSubmitRole'],
    ['finish Lambda', 'FarmFinishRole'],
    ['cost watch', 'FarmCostsWatchRole'],
  ])('lets the %s use the key', (_, role) => {
    const { 'kms:Decrypt': decrypt, 'kms:GenerateDataKey': encrypt } = grants(template, role);
    expect([decrypt, encrypt]).toEqual([[IMPORTED_KEY], [IMPORTED_KEY]]);
  });
});

describe('a farm with the name of a bucket, its key and sendBucketEvents off', () => {
  const template = farmIn((stack) => ({
    bucket: Bucket.fromBucketName(stack, 'Films', 'acme-films'),
    encryptionKey: Key.fromKeyArn(stack, 'Key', IMPORTED_KEY),
    sendBucketEvents: false,
  }));

  test('leaves the events of the bucket alone', () => {
    expectCounts(template, { 'Custom::S3BucketNotifications': 0 });
  });

  test('lets its roles use the key', () => {
    expect(grants(template, 'FarmJobsWorkerRole')['kms:Decrypt']).toEqual([IMPORTED_KEY]);
  });
});

test('encryptionKey encrypts the bucket that the farm creates', () => {
  const template = farmIn((stack) => ({ encryptionKey: new Key(stack, 'Key') }));
  expect(JSON.stringify(onlyProperties(template, 'AWS::S3::Bucket').BucketEncryption)).toContain('aws:kms');
});

test('a farm works in a bucket and with a key of another stack of the app', () => {
  const app = ownApp();
  const storage = ownStack('Storage', app);
  const bucket = new Bucket(storage, 'Bucket', { encryptionKey: new Key(storage, 'Key') });
  const stack = ownStack('Render', app);
  addFarm(stack, { bucket });
  const template = Template.fromStack(stack);
  expect(grants(template, 'FarmJobsWorkerRole')['kms:Decrypt']).toEqual(['<FnGetAttKeyArn>']);
  expectCounts(template, { 'AWS::S3::Bucket': 0 });
  expectCounts(Template.fromStack(storage), { 'Custom::S3BucketNotifications': 1 });
});

describe('a farm with a VPC and a topic', () => {
  const template = farmIn((stack) => ({
    vpc: new Vpc(stack, 'Net', { natGateways: 1 }),
    topic: new Topic(stack, 'Own'),
  }));

  test('runs its machines in the private subnets of the VPC', () => {
    const { Subnets } = onlyProperties(template, 'AWS::Batch::ComputeEnvironment').ComputeResources;
    expect(Subnets.map(flat).every((id: string) => id.startsWith('<NetPrivateSubnet'))).toBe(true);
  });

  test('publishes its alarms on the topic', () => {
    expectCounts(template, { 'AWS::SNS::Topic': 1 });
    const alarms = allProperties(template, 'AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThan(3);
    const targets = alarms.map(({ properties }) => flat(properties.AlarmActions[0]));
    expect(targets).toEqual(alarms.map(() => '<Own>'));
  });
});

if (runsHeavy('accounts'))
  test('a farm runs its machines in vpcSubnets', () => {
    const vpcSubnets = { subnetType: SubnetType.PUBLIC };
    const template = farmIn((stack) => ({ vpc: new Vpc(stack, 'Net', { natGateways: 1 }), vpcSubnets }));
    const { Subnets } = onlyProperties(template, 'AWS::Batch::ComputeEnvironment').ComputeResources;
    expect(Subnets.map(flat).every((id: string) => id.startsWith('<NetPublicSubnet'))).toBe(true);
  });

if (runsHeavy('accounts'))
  test('a farm with vpcEndpoints runs its machines in a vpc of isolated subnets', () => {
    const subnetConfiguration = [{ name: 'Inner', subnetType: SubnetType.PRIVATE_ISOLATED }];
    const template = farmIn((stack) => ({
      vpc: new Vpc(stack, 'Net', { subnetConfiguration }),
      vpcEndpoints: true,
    }));
    const { Subnets } = onlyProperties(template, 'AWS::Batch::ComputeEnvironment').ComputeResources;
    expect(Subnets.map(flat).every((id: string) => id.startsWith('<NetInnerSubnet'))).toBe(true);
  });

if (runsHeavy('accounts'))
  test('two farms fit into one stack', () => {
    const stack = ownStack();
    addFarm(stack, { farmName: 'a' }, 'A');
    addFarm(stack, { farmName: 'b' }, 'B');
    expectCounts(Template.fromStack(stack), { 'AWS::SSM::Parameter': 2, 'AWS::S3::Bucket': 2 });
  });

describe('grantSubmit', () => {
  const stack = ownStack();
  const role = new Role(stack, 'Artist', { assumedBy: new AccountRootPrincipal() });
  const encryptionKey = Key.fromKeyArn(stack, 'Key', IMPORTED_KEY);
  addFarm(stack, { encryptionKey }).grantSubmit(role);
  const allowed = grants(Template.fromStack(stack), 'Artist');

  test('lets a role submit jobs of the farm', () => {
    expect(allowed['batch:SubmitJob']).toEqual([
      '<FarmComputeQueue.JobQueueArn>',
      '<FarmJobsRender52Definition>',
      '<FarmJobsStitchDefinition>',
    ]);
  });

  test('lets a role read the description of the farm', () => {
    expect(allowed['ssm:GetParameter']).toEqual([
      'arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/spotreel/main',
    ]);
  });

  test('lets a role delete only claims', () => {
    expect(allowed['s3:DeleteObject']).toEqual(['<FarmFilmOwnBucket.Arn>/renders/*/submitting.json']);
  });

  test('lets a role use the key of the bucket', () => {
    const { 'kms:Decrypt': decrypt, 'kms:GenerateDataKey': encrypt } = allowed;
    expect([decrypt, encrypt]).toEqual([[IMPORTED_KEY], [IMPORTED_KEY]]);
  });
});

const refused = (props: SpotreelFarmProps): (() => unknown) => {
  return () => addFarm(ownStack(), props);
};

test('a farm refuses a wrong prop and says what is allowed', () => {
  expect(refused({ attempts: 11 })).toThrow(
    /^wrong settings; change them in the props of SpotreelFarm:\n {2}attempts is 11: must be an integer/,
  );
});

test.each(['versioned', 'deleteBucket'])('a farm refuses %s for a given bucket', (name) => {
  const bucket = Bucket.fromBucketName(ownStack(), 'Films', 'acme-films');
  expect(refused({ bucket, [name]: true })).toThrow(`${name} changes only a bucket of the farm`);
});

test('a farm refuses a VPC and the id of another', () => {
  const vpc = new Vpc(ownStack(), 'Net');
  expect(refused({ vpc, vpcId: 'vpc-0123abcd', subnetIds: ['subnet-0123abcd'] })).toThrow(
    'vpc excludes vpcId',
  );
});

if (runsHeavy('accounts'))
  test('a farm takes security groups and route tables of its vpc', () => {
    const template = farmIn((stack) => ({
      vpc: new Vpc(stack, 'Net'),
      securityGroupIds: ['sg-0123abcd'],
      ...{ vpcEndpoints: true, routeTableIds: ['rtb-0123abcd'] },
    }));
    expectResource(template, 'AWS::EC2::VPCEndpoint', { RouteTableIds: ['rtb-0123abcd'] });
    expectResource(template, 'AWS::Batch::ComputeEnvironment', {
      ComputeResources: { SecurityGroupIds: ['sg-0123abcd'] },
    });
  });

test.each([{ securityGroupIds: ['sg-0123abcd'] }, { vpcEndpoints: true, routeTableIds: ['rtb-0123abcd'] }])(
  'a farm without an existing VPC refuses %j and names vpc',
  (props) => {
    expect(refused(props)).toThrow('needs an existing VPC: set vpc, or vpcId and subnetIds, or remove');
  },
);

test('a farm with maxMachineVcpus in a stack without a region asks for the region of the stack', () => {
  expect(refused({ maxMachineVcpus: 16 })).toThrow(
    'give the stack a region (env.region) of the built-in table, or list families in instanceTypes',
  );
});

test('a farm refuses a setting that is known only at deployment', () => {
  const email = new Topic(ownStack(), 'T').topicName;
  expect(refused({ email })).toThrow('email is known only at deployment: give a plain value');
});

describe('two farms of an app', () => {
  test('need names of their own', () => {
    const app = ownApp();
    addFarm(ownStack('A', app));
    expect(() => addFarm(ownStack('B', app))).toThrow('farmName is "main", as of another farm of this app');
  });

  test('need buckets of their own', () => {
    const stack = ownStack();
    const bucket = new Bucket(stack, 'Bucket');
    addFarm(stack, { bucket });
    expect(() => addFarm(stack, { bucket, farmName: 'second' }, 'Second')).toThrow(
      'bucket is also the bucket of another farm of this app',
    );
  });

  test('may have one name in two regions', () => {
    const app = ownApp();
    const farms = ['eu-west-1', 'us-east-1'].map((region) =>
      addFarm(new Stack(app, region, { env: { account: '111122223333', region } })),
    );
    expect(farms.map(({ farmName }) => farmName)).toEqual(['main', 'main']);
  });
});

test.each([
  ['bucketName', 'give the bucket as the prop bucket'],
  ['region', 'give it to your stack as env.region'],
])('the construct says what to use instead of %s', (name, words) => {
  expect(() => addFarm(ownStack(), { [name]: 'acme-films' })).toThrow(words);
});
