import { GetParameterCommand, ParameterNotFound, type SSMClient } from '@aws-sdk/client-ssm';
import { awsError, awsFault } from '../aws-error';
import { messageOf, SpotreelError } from '../errors';
import { parseJson } from '../json';
import { type FarmDescription, farmDescriptionSchema, farmParameterName } from './farm';

const SSM = { name: 'AWS Systems Manager' };

/**
 * The description of a deployed farm, from its SSM parameter. Throws `no-farm` (usage) if this account and region have
 * none, `bad-farm` if another version of Spotreel deployed it, `no-region` (usage), `aws-unavailable`
 * (passing).
 */
export async function readFarm(farmName: string, ssm: Pick<SSMClient, 'send'>): Promise<FarmDescription> {
  const name = farmParameterName(farmName);
  let value: string | undefined;
  try {
    const answer = await ssm.send(new GetParameterCommand({ Name: name }));
    value = answer.Parameter?.Value;
  } catch (error) {
    if (error instanceof ParameterNotFound) throw noFarm(name, error);
    if (awsFault(error).kind === 'no-region') throw awsError(error, `read the farm's parameter ${name}`, SSM);
    const message = `can't read the farm's parameter ${name}: ${messageOf(error)}; check the credentials, and the region (AWS_REGION)`;
    throw new SpotreelError('aws-unavailable', 'passing', message, { cause: error });
  }
  if (value === undefined) throw noFarm(name);
  return parseJson(farmDescriptionSchema, Buffer.from(value), (reason) => {
    const message = `the farm at ${name} was deployed by another version of Spotreel (${reason}); deploy it again`;
    return new SpotreelError('bad-farm', 'usage', message);
  });
}

function noFarm(name: string, cause?: unknown): SpotreelError {
  const message = `there is no farm at ${name} in this account and region; deploy one (npx cdk deploy --all), set AWS_REGION, or give -q, -d and -o`;
  return new SpotreelError('no-farm', 'usage', message, { cause });
}
