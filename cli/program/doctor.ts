import type { Command } from 'commander';
import type { DoctorFlags } from '../commands/doctor';
import { explain } from './explain';
import type { Run } from './run';

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
    .action((flags: DoctorFlags) =>
      run(async () => (await import('../commands/doctor')).doctorCommand(flags)),
    );
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
