import type { FarmDescription } from '../../core/jobs/farm';

/** The description of a farm that does not exist. */
export const makeFarmDescription = (): FarmDescription => ({
  version: 1,
  name: 'main',
  region: 'eu-west-1',
  bucket: 'films',
  uploadPrefix: 'uploads/',
  outputPrefix: 'renders/',
  jobQueue: 'arn:aws:batch:eu-west-1:123456789012:job-queue/queue',
  renderDefinitions: [{ blenderVersion: '5.2.0', jobDefinition: 'arn:…:job-definition/render:1' }],
  stitchJobDefinition: 'arn:…:job-definition/stitch:1',
  parallel: 64,
  logGroup: 'log',
  topicArn: 'topic',
});
