import { BatchClient, DescribeJobDefinitionsCommand } from '@aws-sdk/client-batch';
import { mockClient } from 'aws-sdk-client-mock';
import { askAttempts } from '../../../../cli/prove/aws-attempts';
import { makeFarmDescription } from '../../../support/farm-description';

const batch = mockClient(BatchClient);
const farm = makeFarmDescription();

test('askAttempts finds the attempts of the oldest job definition', async () => {
  const { jobDefinition } = farm.renderDefinitions[0]!;
  const definition = {
    jobDefinitionName: 'render',
    jobDefinitionArn: jobDefinition,
    revision: 1,
    type: 'container',
  };
  batch
    .on(DescribeJobDefinitionsCommand, { jobDefinitions: [jobDefinition] })
    .resolves({ jobDefinitions: [{ ...definition, retryStrategy: { attempts: 1 } }] });
  expect(await askAttempts(farm)).toBe(1);
});

test('askAttempts gives nothing without the permission', async () => {
  batch
    .on(DescribeJobDefinitionsCommand)
    .rejects(Object.assign(new Error('denied'), { name: 'AccessDeniedException' }));
  expect(await askAttempts(farm)).toBeUndefined();
});
