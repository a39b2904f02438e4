/** The environment that the submit Lambda needs when it is loaded. */
export const SUBMIT_ENVIRONMENT = {
  BUCKET: 'films',
  FARM_NAME: 'main',
  JOB_QUEUE: 'queue',
  RENDER_JOB_DEFINITIONS: '[{"jobDefinition":"render"}]',
  STITCH_JOB_DEFINITION: 'stitch',
  PARALLEL: '64',
  TOPIC_ARN: 'arn:aws:sns:eu-central-1:123456789012:spotreel',
  QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/uploads',
  AWS_REGION: 'eu-central-1',
};
