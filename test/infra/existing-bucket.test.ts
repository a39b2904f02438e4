import { Template } from 'aws-cdk-lib/assertions';
import { readSettings } from '../../lib/settings/settings';
import { expectCounts, expectResource, farmApp, flat, grants, onlyProperties, synthFarm } from './synth-farm';

const KEY = 'arn:aws:kms:eu-north-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef';

/** The only template of a farm in an existing bucket. */
function farmIn(settings: Readonly<Record<string, unknown>> = {}): Template {
  const { storage, farm } = farmApp({ bucketName: 'acme-films', ...settings });
  expect(storage).toBeUndefined();
  return Template.fromStack(farm);
}

const encrypted = farmIn({ kmsKeyArn: KEY });

test('the setting bucketName makes a farm with one stack and without a bucket', () => {
  const template = farmIn();
  expectCounts(template, { 'AWS::S3::Bucket': 0, 'AWS::S3::BucketPolicy': 0 });
  expect(template.findOutputs('UploadTo').UploadTo?.Value).toBe('s3://acme-films/uploads/');
});

test('uploads to an existing bucket start renders', () => {
  expectResource(farmIn(), 'AWS::Events::Rule', {
    EventPattern: { source: ['aws.s3'], detail: { bucket: { name: ['acme-films'] } } },
  });
});

test('workers have only their prefixes of an existing bucket', () => {
  const bucket = 'arn:<AWS::Partition>:s3:::acme-films';
  expect(grants(farmIn(), 'JobsWorkerRole')).toEqual({
    's3:GetObject': [`${bucket}/renders/*`, `${bucket}/uploads/*`],
    's3:PutObject': [`${bucket}/renders/*`],
    's3:AbortMultipartUpload': [`${bucket}/renders/*`],
    's3:DeleteObject': [`${bucket}/renders/*`],
    's3:ListBucket': [`${bucket} if {"StringLikeIfExists":{"s3:prefix":["uploads/*","renders/*"]}}`],
  });
});

test.each([
  ['workers', 'JobsWorkerRole'],
  ['the submit Lambda', 'UploadSubmitRole'],
  ['the finish Lambda', 'FinishRole'],
  ['the cost watch', 'CostsWatchRole'],
])('%s may use the key of an existing bucket', (_, role) => {
  const { 'kms:Decrypt': decrypt, 'kms:GenerateDataKey': encrypt } = grants(encrypted, role);
  expect(new Set(decrypt)).toEqual(new Set([KEY]));
  expect(encrypt).toEqual([KEY]);
});

test('machines and the execution role may not use the key', () => {
  for (const role of ['MachineRole', 'JobsExecutionRole']) {
    expect(Object.keys(grants(encrypted, role)).filter((action) => action.startsWith('kms:'))).toEqual([]);
  }
});

test('the setting kmsKeyArn encrypts the farm’s own bucket', () => {
  const { storageTemplate, farmTemplate } = synthFarm({ kmsKeyArn: KEY });
  expect(onlyProperties(storageTemplate, 'AWS::S3::Bucket').BucketEncryption).toEqual({
    ServerSideEncryptionConfiguration: [
      {
        BucketKeyEnabled: true,
        ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: KEY },
      },
    ],
  });
  expect(grants(farmTemplate, 'JobsWorkerRole')['kms:Decrypt']).toEqual([KEY]);
});

test('the setting kmsKeyArn encrypts the topic, and its publishers may use the key', () => {
  expect(onlyProperties(encrypted, 'AWS::SNS::Topic').KmsMasterKeyId).toBe(KEY);
  for (const role of ['UploadSubmitRole', 'FinishRole']) {
    expect(grants(encrypted, role)['kms:GenerateDataKey*']).toEqual([KEY]);
  }
});

test('without kmsKeyArn, the topic has no key, because alarms could not use the key of AWS', () => {
  expect(onlyProperties(synthFarm().farmTemplate, 'AWS::SNS::Topic').KmsMasterKeyId).toBeUndefined();
});

test('the command line finds an existing bucket', () => {
  const { Value } = onlyProperties(encrypted, 'AWS::SSM::Parameter');
  expect(flat(Value)).toContain('"bucket":"acme-films"');
});

test.each([
  [{ bucketName: 'Acme Films' }, 'bucketName is "Acme Films": must be the name of a bucket'],
  [{ kmsKeyArn: 'alias/films' }, 'kmsKeyArn is "alias/films": must be the ARN of a KMS key'],
  [{ bucketName: 'acme-films', versioned: true }, 'versioned changes only a bucket that the farm creates'],
  [{ bucketName: 'acme-films', renderDays: 3 }, 'renderDays changes only a bucket that the farm creates'],
])('readSettings refuses %j', (given, message) => {
  expect(() => readSettings(given, {})).toThrow(message);
});
