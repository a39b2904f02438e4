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

/** `spotreel doctor`. Gives the exit code. */
export async function doctorCommand({ farm, json }: DoctorFlags): Promise<number> {
  const asked = farm ?? process.env.SPOTREEL_FARM_NAME;
  const [local, ofFarm] = await Promise.all([
    findLocalFacts(process.env, LOCAL_OUTPUT).then(judgeLocal),
    checkFarm(asked ?? 'main', asked !== undefined),
  ]);
  const checks = [...local, ...ofFarm];
  if (json) process.stdout.write(`${JSON.stringify({ checks })}\n`);
  else print(describeChecks(checks), process.stdout);
  return checks.some(({ state }) => state === 'wrong') ? 1 : 0;
}

async function checkFarm(name: string, isAskedFor: boolean): Promise<Check[]> {
  const { findAccount } = await import('../doctor/aws-account');
  const account = await findAccount(name);
  const checks = judgeAccount(account, isAskedFor);
  if (!account.farm || !('told' in account.farm)) return checks;
  const { findFarmFacts } = await import('../doctor/aws-facts');
  return [...checks, ...judgeFarm(await findFarmFacts(account.farm.told))];
}

const NOTES = `A line for each thing that was looked at: ok, warning (some renders are in trouble, or it could not be found out), wrong, or
skipped; below it what to do. Without AWS credentials the farm is skipped, unless --farm names one. Nothing is changed, nothing left
behind; what these credentials may not ask is said with the permission that it needs.`;

export function addDoctor(program: Command, run: Run): void {
  const command = program
    .command('doctor')
    .description(
      'is everything right: this machine, the AWS account, the farm; with the mend for what is not',
    )
    .option('--farm <name>', 'the farm, if there are several; main where none is named')
    .option('--json', 'as one JSON object')
    .action((flags: DoctorFlags) => run(async () => doctorCommand(flags)));
  explain(command, {
    notes: NOTES,
    exitCodes: [
      [0, 'nothing is wrong (there may be warnings)'],
      [1, 'something is wrong'],
      [2, 'wrong usage'],
    ],
    examples: [
      'spotreel doctor',
      'spotreel doctor --farm main --json | jq \'.checks[] | select(.state != "ok")\'',
    ],
  });
}
