import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { expectAttributes, expectCounts, expectResource, onlyProperties, synthFarm } from './synth-farm';

const { storageTemplate } = synthFarm();
const bucket = () => onlyProperties(storageTemplate, 'AWS::S3::Bucket');

test('the bucket is encrypted and private, and its owner owns all objects', () => {
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

test('the bucket refuses plain HTTP and old TLS', () => {
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

test('the bucket sends events to EventBridge without a helper Lambda', () => {
  expect(bucket().NotificationConfiguration).toEqual({
    EventBridgeConfiguration: { EventBridgeEnabled: true },
  });
  expectCounts(storageTemplate, { 'AWS::Lambda::Function': 0 });
});

test('the bucket remains after its stack is deleted', () => {
  expectAttributes(storageTemplate, 'AWS::S3::Bucket', {
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
  });
});

test('the bucket by default deletes only parts of aborted uploads, after a day', () => {
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

test('the bucket keeps versions for 30 days and renders for renderDays if configured', () => {
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

test('the bucket is deleted with its stack if deleteBucket is set', () => {
  const { storageTemplate: asked } = synthFarm({ deleteBucket: true });
  expectAttributes(asked, 'AWS::S3::Bucket', { DeletionPolicy: 'Delete' });
  expectCounts(asked, { 'Custom::S3AutoDeleteObjects': 1 });
});

test.each([
  ['is protected against deletion', false, true],
  ['is not protected if cdk destroy is to delete the bucket', true, false],
])('the storage stack %s', (_, deleteBucket, terminationProtection) => {
  expect(synthFarm({ deleteBucket }).storage!.terminationProtection).toBe(terminationProtection);
});

test('the outputs say how long the first upload has to wait', () => {
  const { FirstUpload } = storageTemplate.findOutputs('FirstUpload');
  expect(FirstUpload?.Value).toMatch(/^After the first deployment, wait five minutes/);
});

test('synth names the farm and says that a renamed farm stays', () => {
  const { farm } = synthFarm({ farmName: 'studio' });
  const notes = Annotations.fromStack(farm).findInfo('*', Match.stringLikeRegexp('another farmName stays'));
  expect(notes).toMatchObject([{ entry: { data: expect.stringMatching(/^this is the farm "studio"\. /) } }]);
});
