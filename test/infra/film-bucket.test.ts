import { Match } from 'aws-cdk-lib/assertions';
import { expectAttributes, expectCounts, expectResource, onlyProperties, synthFarm } from './synth-farm';

const { storageTemplate } = synthFarm();
const bucket = () => onlyProperties(storageTemplate, 'AWS::S3::Bucket');

test('it is encrypted, private and the owner’s alone', () => {
  expect(bucket()).toMatchObject({
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
    },
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
    OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
  });
});

test('it refuses plain HTTP and old TLS', () => {
  for (const Condition of [
    { Bool: { 'aws:SecureTransport': 'false' } },
    { NumericLessThan: { 's3:TlsVersion': 1.2 } },
  ]) {
    expectResource(storageTemplate, 'AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Effect: 'Deny', Action: 's3:*', Condition })]),
      },
    });
  }
});

test('it tells EventBridge, and no Lambda is deployed for that', () => {
  expect(bucket().NotificationConfiguration).toEqual({
    EventBridgeConfiguration: { EventBridgeEnabled: true },
  });
  expectCounts(storageTemplate, { 'AWS::Lambda::Function': 0 });
});

test('it outlives its stack', () => {
  expectAttributes(storageTemplate, 'AWS::S3::Bucket', {
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
  });
});

test('parts of uploads that were never finished go after a day; nothing else does unless asked', () => {
  expect(bucket().LifecycleConfiguration).toEqual({
    Rules: [
      {
        Id: 'aborted-uploads',
        Status: 'Enabled',
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
    ],
  });
  expect(bucket().VersioningConfiguration).toBeUndefined();
});

test('asked to, it keeps versions for 30 days and renders for some days', () => {
  const asked = onlyProperties(
    synthFarm({ versioned: true, renderDays: 90 }).storageTemplate,
    'AWS::S3::Bucket',
  );
  expect(asked.VersioningConfiguration).toEqual({ Status: 'Enabled' });
  expect(asked.LifecycleConfiguration).toEqual({
    Rules: expect.arrayContaining([
      { Id: 'old-renders', Status: 'Enabled', Prefix: 'renders/', ExpirationInDays: 90 },
      { Id: 'old-versions', Status: 'Enabled', NoncurrentVersionExpiration: { NoncurrentDays: 30 } },
    ]) as unknown,
  });
});

test('asked to, it goes with its stack', () => {
  const { storageTemplate: asked } = synthFarm({ deleteBucket: true });
  expectAttributes(asked, 'AWS::S3::Bucket', { DeletionPolicy: 'Delete' });
  expectCounts(asked, { 'Custom::S3AutoDeleteObjects': 1 });
});
