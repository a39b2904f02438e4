import { App, CloudFormationValidatePlugin, Stack, Validations } from 'aws-cdk-lib';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { farmApp } from './synth-farm';
import { fewOrAll, runsHeavy } from '../support/heavy';

/** All options, except `deleteBucket`, which adds a Lambda of the CDK. */
const EVERYTHING = {
  onDemandVcpus: 32,
  gpuVcpus: 32,
  blenderVersions: ['4.5.0', '5.2.0'],
  email: 'me@example.com',
  monthlyBudgetUsd: 50,
  interruptionExperiment: true,
  versioned: true,
  renderDays: 30,
  webhookUrl: 'https://example.com/renders',
  kmsKeyArn: 'arn:aws:kms:eu-north-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef',
  vpcEndpoints: true,
};

const FARMS: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]> = [
  ['with default settings', {}],
  ['with every option on', EVERYTHING],
  ['in an existing bucket', { bucketName: 'acme-films' }],
  [
    'with an image of a private repository',
    { imageUri: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/worker:1' },
  ],
];

test.each(fewOrAll('accounts', FARMS, ([name]) => name === 'with every option on'))(
  'a farm %s has only justified findings of cdk-nag',
  (_, settings) => {
    const { app } = farmApp(settings);
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    expect(() => app.synth()).not.toThrow();
  },
);

test('synth fails on an unjustified finding of cdk-nag', () => {
  const app = new App({ builtinCloudFormationValidation: false });
  const bucket = new CfnBucket(new Stack(app, 'Bad'), 'Bucket');
  Validations.of(bucket).addPlugins(new AwsSolutionsChecks(app));
  expect(() => app.synth()).toThrow('AwsSolutions-S1');
});

if (runsHeavy('accounts'))
  test('the templates pass CloudFormation’s own validation', () => {
    const { app } = farmApp(EVERYTHING);
    Validations.of(app).addPlugins(new CloudFormationValidatePlugin());
    expect(() => app.synth()).not.toThrow();
  }, 120_000);
