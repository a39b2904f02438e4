import { describeChecks, type Check } from '../doctor/check';
import { judgeAccount, judgeFarm } from '../doctor/judge-farm';
import { judgeLocal } from '../doctor/judge-local';
import { findLocalFacts } from '../doctor/local-facts';
import { LOCAL_OUTPUT } from '../place';

export interface DoctorFlags {
  readonly farm?: string;
  readonly json?: boolean;
}

/** `spotreel doctor`. Gives the exit code. */
export async function doctorCommand({ farm, json }: DoctorFlags): Promise<number> {
  const asked = farm ?? process.env.SPOTREEL_FARM_NAME;
  const [local, ofFarm] = await Promise.all([
    findLocalFacts(process.env, LOCAL_OUTPUT).then(judgeLocal),
    checkFarm(asked ?? 'main', asked !== undefined),
  ]);
  const checks = [...local, ...ofFarm];
  process.stdout.write(`${json ? JSON.stringify({ checks }) : describeChecks(checks)}\n`);
  return checks.some(({ state }) => state === 'wrong') ? 1 : 0;
}

async function checkFarm(name: string, isAskedFor: boolean): Promise<Check[]> {
  const { findAccount } = await import('../doctor/aws-account');
  const account = await findAccount(name);
  const checks = judgeAccount(account, isAskedFor);
  if (!account.farm || !('told' in account.farm)) return checks;
  const { findFarmFacts } = await import('../doctor/aws-farm-facts');
  return [...checks, ...judgeFarm(await findFarmFacts(account.farm.told))];
}
