import type { SQSRecord } from 'aws-lambda';

interface CreatedObject {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly size?: number;
}

/** "Object Created" as in S3's documentation: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
export function objectCreated({ bucket, key, etag, size = 5 }: CreatedObject) {
  return {
    version: '0',
    id: '17793124-05d4-b198-2fde-7ededc63b103',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    account: '111122223333',
    time: '2026-11-12T00:00:00Z',
    region: 'eu-central-1',
    resources: [`arn:aws:s3:::${bucket}`],
    detail: {
      version: '0',
      bucket: { name: bucket },
      object: {
        key,
        size,
        etag,
        'version-id': 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
        sequencer: '617f08299329d189',
      },
      'request-id': 'N4N7GDK58NMKJ12R',
      requester: '123456789012',
      'source-ip-address': '1.2.3.4',
      reason: 'PutObject',
    },
  };
}

/** A message of SQS as Lambda passes it. */
export function sqsRecord(body: unknown, messageId = 'message-1'): SQSRecord {
  return {
    messageId,
    receiptHandle: 'handle',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1545082649183',
      SenderId: 'AIDAIENQZJOLO23YVJ4VO',
      ApproximateFirstReceiveTimestamp: '1545082649185',
    },
    messageAttributes: {},
    md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-central-1:111122223333:uploads',
    awsRegion: 'eu-central-1',
  };
}

/** "Batch Job State Change" as in https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html */
export function jobStateChange(detail: Readonly<Record<string, unknown>>) {
  return {
    version: '0',
    id: 'c8f9c4b5-76e5-d76a-f980-7011e206042b',
    'detail-type': 'Batch Job State Change',
    source: 'aws.batch',
    account: '123456789012',
    time: '2026-11-11T23:36:40Z',
    region: 'eu-central-1',
    resources: ['arn:aws:batch:eu-central-1:123456789012:job/4c7599ae-0a82-49aa-ba5a-4727fcce14a8'],
    detail: {
      jobArn: 'arn:aws:batch:eu-central-1:123456789012:job/4c7599ae-0a82-49aa-ba5a-4727fcce14a8',
      jobQueue: 'arn:aws:batch:eu-central-1:123456789012:job-queue/spotreel',
      attempts: [],
      createdAt: 1641944200058,
      retryStrategy: { attempts: 3, evaluateOnExit: [] },
      dependsOn: [],
      jobDefinition: 'arn:aws:batch:eu-central-1:123456789012:job-definition/spotreel-render:1',
      parameters: {},
      tags: {},
      propagateTags: false,
      platformCapabilities: [],
      ...detail,
    },
  };
}
