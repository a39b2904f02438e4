import { paginateDescribeInstances, EC2Client, type Instance } from '@aws-sdk/client-ec2';
import {
  DescribeContainerInstancesCommand,
  ECSClient,
  paginateListContainerInstances,
} from '@aws-sdk/client-ecs';
import type { FarmDescription } from '../../core/contract/farm-description';
import { FARM_TAG } from '../../core/contract/farm-tag';
import { ask, type Answer } from './answer';
import { CLIENT } from './aws-account';
import type { EnvironmentFacts, MachineFacts } from './farm-facts';

/** An assumption: from EC2's start of a machine to its joining ECS it takes a minute or two. */
const JOINED_AFTER_SECONDS = 10 * 60;

/** Container instances of a page; the most that the documentation allows to be listed or described at once. */
const PAGE = 100;

/**
 * Which machines carry the farm's tag, and which of them ECS can give work to.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeContainerInstances.html
 */
export async function askMachines(
  { name, region }: Pick<FarmDescription, 'name' | 'region'>,
  environments: Answer<readonly EnvironmentFacts[]>,
  now: Date,
): Promise<Answer<MachineFacts>> {
  if (!('told' in environments)) return environments;
  const clusters = environments.told.flatMap(({ cluster }) => cluster ?? []);
  const [started, joined] = await Promise.all([
    ask('ec2:DescribeInstances', () => instancesOf(name, new EC2Client({ ...CLIENT, region }))),
    ask('ecs:ListContainerInstances and ecs:DescribeContainerInstances', () =>
      connectedIn(clusters, new ECSClient({ ...CLIENT, region })),
    ),
  ]);
  if (!('told' in started)) return started;
  if (!('told' in joined)) return joined;
  return { told: machineFacts(started.told, joined.told, now) };
}

/** `joined` are instance ids, of other farms' machines, too, perhaps. Pure. */
function machineFacts(started: readonly Instance[], joined: ReadonlySet<string>, now: Date): MachineFacts {
  const others = started.filter(({ InstanceId = '' }) => !joined.has(InstanceId));
  const isLate = ({ LaunchTime = now }: Instance) =>
    now.getTime() - LaunchTime.getTime() > JOINED_AFTER_SECONDS * 1000;
  return {
    started: started.length,
    joined: started.length - others.length,
    lost: others.filter(isLate).map(({ InstanceId = '' }) => InstanceId),
  };
}

async function instancesOf(farmName: string, client: EC2Client): Promise<Instance[]> {
  const Filters = [
    { Name: `tag:${FARM_TAG}`, Values: [farmName] },
    { Name: 'instance-state-name', Values: ['pending', 'running'] },
  ];
  const instances: Instance[] = [];
  for await (const page of paginateDescribeInstances({ client, pageSize: 1000 }, { Filters }))
    instances.push(...(page.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []));
  return instances;
}

/** Instance ids of what is registered in these clusters and whose agent answers. */
async function connectedIn(clusters: readonly string[], client: ECSClient): Promise<Set<string>> {
  const connected = new Set<string>();
  for (const cluster of clusters) {
    for await (const page of paginateListContainerInstances({ client, pageSize: PAGE }, { cluster })) {
      const containerInstances = page.containerInstanceArns ?? [];
      if (containerInstances.length === 0) continue;
      const command = new DescribeContainerInstancesCommand({ cluster, containerInstances });
      for (const one of (await client.send(command)).containerInstances ?? [])
        if (one.agentConnected && one.ec2InstanceId !== undefined) connected.add(one.ec2InstanceId);
    }
  }
  return connected;
}
