import type { Command } from 'commander';
import { describeState, STATE_EXIT } from '../status/describe-state';
import { explain, type Run, withOptionalRenderId, withPlaceOptions } from '../help';
import { print } from '../output';
import type { PlaceFlags } from '../place';
import { lookAtStatus } from '../status/render-status';

interface StatusFlags extends PlaceFlags {
  readonly json?: boolean;
}

/** `spotreel status [renderId]`: the state of a render, by default the newest. Returns the exit code. */
export async function statusCommand(renderId: string | undefined, flags: StatusFlags): Promise<number> {
  const { json = false, ...where } = flags;
  const { status, usage } = await lookAtStatus({ ...where, renderId });
  const { cost, ...state } = status;
  if (json) process.stdout.write(`${JSON.stringify(status)}\n`);
  else print(describeState({ state, usage }, Date.now(), cost), process.stdout);
  return STATE_EXIT[state.state];
}

export function addStatus(command: Command, run: Run): void {
  withOptionalRenderId(command)
    .option('--json', 'print one JSON object')
    .action((renderId: string | undefined, flags: StatusFlags) =>
      run(async () => statusCommand(renderId, flags)),
    );
  explain(withPlaceOptions(command), {
    notes:
      'If jobs of a farm wait for more than 5 minutes without a reason from AWS Batch, status looks for one. ' +
      'It checks queues, machines, quotas and images, as "spotreel doctor" does. ' +
      'Without the permission for a check, status guesses.',
    exitCodes: [
      [0, 'complete or running'],
      [1, 'failed, refused, stopped or unknown'],
      [2, 'wrong usage'],
      [3, 'partial: frames or sound are missing'],
    ],
    examples: ['spotreel status', 'spotreel status shot-1a2b3c4d --farm main --json | jq .frames'],
  });
}
