import type { Command } from 'commander';
import { type Check, describeChecks } from '../doctor/check';
import { judgeAccount, judgeFarm } from '../doctor/judge-farm';
import { findLocalFacts, judgeLocal } from '../doctor/local';
import { explain, type Run } from '../help';
import { print } from '../output';
import { LOCAL_OUTPUT } from '../place';

interface DoctorFlags {
  readonly farm?: string;
  readonly json?: boolean;
}

/** `spotreel doctor`. Returns the exit code. */
export async function doctorCommand({ farm, json }: DoctorFlags): Promise<number> {
  const asked = farm ?? process.env.SPOTREEL_FARM_NAME;
  const [local, ofFarm] = await Promise.all([
    findLocalFacts(process.env, LOCAL_OUTPUT).then(judgeLocal),
    checkFarm(asked ?? 'main', asked !== undefined),
  ]);
  const checks = [...local, ...ofFarm];
  if (json) process.stdout.write(`${checksJson(checks)}\n`);
  else print(describeChecks(checks), process.stdout);
  return checks.some(({ state }) => state === 'wrong') ? 1 : 0;
}

/** JSON has kept the older key of `fix`. */
function checksJson(checks: readonly Check[]): string {
  return JSON.stringify({ checks: checks.map(({ fix: mend, ...check }) => ({ ...check, mend })) });
}

async function checkFarm(name: string, isAskedFor: boolean): Promise<Check[]> {
  const { findAccount } = await import('../doctor/aws-account');
  const account = await findAccount(name);
  const checks = judgeAccount(account, isAskedFor);
  if (!account.farm || !('value' in account.farm)) return checks;
  const { findFarmFacts } = await import('../doctor/aws-facts');
  return [...checks, ...judgeFarm(await findFarmFacts(account.farm.value))];
}

export function addDoctor(command: Command, run: Run): void {
  command
    .option('--farm <name>', 'farm to check (default: main)')
    .option('--json', 'print one JSON object')
    .action((flags: DoctorFlags) => run(async () => doctorCommand(flags)));
  explain(command, {
    notes:
      'Doctor prints one line per check (ok, warning, wrong or skipped) and how to fix a problem. ' +
      'A warning means that some renders may fail, or that the check was not possible. ' +
      'Without AWS credentials, doctor skips the farm unless --farm names one. ' +
      'If these credentials lack a permission, doctor names it. It changes nothing.',
    exitCodes: [
      [0, 'nothing is wrong; there may be warnings'],
      [1, 'something is wrong'],
      [2, 'wrong usage'],
    ],
    examples: [
      'spotreel doctor',
      'spotreel doctor --farm main --json | jq \'.checks[] | select(.state != "ok")\'',
    ],
  });
}
