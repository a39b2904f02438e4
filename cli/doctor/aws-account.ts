import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { SSMClient } from '@aws-sdk/client-ssm';
import { readFarm } from '../../core/jobs/aws-farm';
import { codeOf, messageOf, SpotreelError } from '../../core/errors';
import { ask } from './check';
import type { AccountFacts } from './farm-facts';

/** Short timeouts: doctor reports an endpoint that does not answer soon. */
export const CLIENT = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 5_000, socketTimeout: 10_000 },
};

/** The SDK's message if it finds no credentials. */
const NONE = /could not load credentials from any providers/i;

/** Finds the owner of the credentials, the region, and the farm of this name. */
export async function findAccount(farmName: string): Promise<AccountFacts> {
  const sts = new STSClient(CLIENT);
  const found = await ask('sts:GetCallerIdentity', () => sts.config.credentials());
  const region = await sts.config.region().catch(() => undefined);
  if (!('value' in found)) {
    return NONE.test(found.fault) ? { region } : { credentials: found, region };
  }
  // Without a region, AWS cannot be asked.
  if (region === undefined) return { credentials: { value: { account: '', arn: '' } } };
  const [credentials, farm] = await Promise.all([
    ask('sts:GetCallerIdentity', async () => {
      const { Account: account = '', Arn: arn = '' } = await sts.send(new GetCallerIdentityCommand({}));
      return { account, arn };
    }),
    ask('ssm:GetParameter', () => findFarm(farmName)),
  ]);
  if (!('value' in farm)) return { credentials, region, farm };
  return { credentials, region, farm: farm.value };
}

async function findFarm(name: string): Promise<NonNullable<AccountFacts['farm']>> {
  try {
    return { value: await readFarm(name, new SSMClient(CLIENT)) };
  } catch (error) {
    // An error of AWS itself keeps its cause.
    if (error instanceof SpotreelError && error.kind === 'passing') throw error.cause ?? error;
    return { code: codeOf(error) ?? 'internal', fault: messageOf(error) };
  }
}
