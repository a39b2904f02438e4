import { CloudWatchClient, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import type { FarmDescription } from '../../core/jobs/farm';
import { CLIENT } from '../doctor/aws-account';
import { type Answer, ask } from '../doctor/check';
import type { AlarmFacts } from './facts';

/** The alarms that notify the farm's topic. Sets none, so no mail is sent. Never throws. */
export async function askAlarms({
  region,
  topicArn,
}: Pick<FarmDescription, 'region' | 'topicArn'>): Promise<Answer<readonly AlarmFacts[]>> {
  const client = new CloudWatchClient({ ...CLIENT, region });
  return ask('cloudwatch:DescribeAlarms', async () => {
    const alarms: AlarmFacts[] = [];
    for await (const { MetricAlarms = [] } of paginateDescribeAlarms(
      { client },
      { ActionPrefix: topicArn },
    )) {
      const own = MetricAlarms.filter(({ AlarmActions = [] }) => AlarmActions.includes(topicArn));
      alarms.push(
        ...own.map(({ AlarmName = '', ActionsEnabled = false, StateValue = '' }) => ({
          name: AlarmName,
          actionsEnabled: ActionsEnabled,
          state: StateValue,
        })),
      );
    }
    return alarms;
  });
}
