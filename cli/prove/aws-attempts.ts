import { BatchClient, DescribeJobDefinitionsCommand } from '@aws-sdk/client-batch';
import type { FarmDescription } from '../../core/jobs/farm';
import { CLIENT } from '../doctor/aws-account';
import { ask } from '../doctor/check';

/**
 * The attempts of the farm's oldest job definition for slices, as AWS Batch has it; `undefined` if it does not say, as
 * without the permission. Never throws.
 */
export async function askAttempts({
  region,
  renderDefinitions,
}: Pick<FarmDescription, 'region' | 'renderDefinitions'>): Promise<number | undefined> {
  const batch = new BatchClient({ ...CLIENT, region });
  const answer = await ask('batch:DescribeJobDefinitions', async () => {
    const command = new DescribeJobDefinitionsCommand({
      jobDefinitions: [renderDefinitions[0]!.jobDefinition],
    });
    const { jobDefinitions: [definition] = [] } = await batch.send(command);
    return definition?.retryStrategy?.attempts;
  });
  return 'value' in answer ? answer.value : undefined;
}
