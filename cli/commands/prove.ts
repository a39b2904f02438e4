import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { SSMClient } from '@aws-sdk/client-ssm';
import { createAwsBatch } from '../../core/jobs/aws-batch';
import { readFarm } from '../../core/jobs/aws-farm';
import { openStorage } from '../../core/storage/open-storage';
import { explain, type Run, wholeNumber } from '../help';
import { confirm, createMeter, listenForStop, print, say } from '../output';
import { askAlarms } from '../prove/aws-alarms';
import { askAttempts } from '../prove/aws-attempts';
import { conclude, describeCost } from '../prove/describe';
import type { ProveCheck } from '../prove/facts';
import { judgeJobs } from '../prove/judge-jobs';
import { judgeMachines } from '../prove/judge-machine';
import { MOST_MINUTES, runName } from '../prove/plan';
import { renderHere, SCENE } from '../prove/render-here';
import { ProveRun } from '../prove/run';

const USUAL_MINUTES = 10;

interface ProveFlags {
  readonly farm?: string;
  readonly minutes: number;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `spotreel prove`. Returns the exit code. */
export async function proveCommand({ farm: name, minutes, yes, json }: ProveFlags): Promise<number> {
  const farm = await readFarm(name ?? process.env.SPOTREEL_FARM_NAME ?? 'main', new SSMClient({}));
  const cost = describeCost(farm, minutes);
  say(`prove runs small jobs on the farm ${farm.name} and waits at most ${minutes} minutes; ${cost}`);
  if (!yes && !(await confirm('run them?'))) {
    say('nothing was run');
    return 1;
  }
  const stop = listenForStop();
  const meter = createMeter(process.stderr, Date.now);
  const run = new ProveRun(farm, runName(randomBytes(4).toString('hex')), minutes, {
    storage: openStorage(),
    batch: createAwsBatch(),
    scene: SCENE,
    askAttempts: () => askAttempts(farm),
    askAlarms: () => askAlarms(farm),
    renderHere,
    pause: (seconds, signal) => sleep(seconds * 1000, undefined, { signal }).catch(() => undefined),
    now: Date.now,
    show: (reading) => meter.show(reading),
    signal: stop.signal,
  });
  let checks: ProveCheck[] = [];
  let left: string[] = [];
  try {
    const facts = await run.findFacts();
    if (!stop.signal.aborted) checks = [...judgeMachines(facts), ...judgeJobs(facts)];
  } finally {
    meter.stop();
    if (stop.signal.aborted) say('stopped: terminating the jobs and deleting their files');
    left = await run.cleanUp();
    for (const what of left) say(what);
    stop.release();
  }
  if (stop.signal.aborted) return stop.exitCode();
  const { output, exitCode } = conclude(farm.name, checks, left, json);
  if (json) process.stdout.write(`${output}\n`);
  else print(output, process.stdout);
  return exitCode;
}

/** Reads `--minutes`. Throws commander's `InvalidArgumentError`. */
function waitMinutes(text: string): number {
  const minutes = wholeNumber(text);
  if (minutes <= MOST_MINUTES) return minutes;
  throw new InvalidArgumentError(
    `It must be at most ${MOST_MINUTES}: the jobs end by themselves after that.`,
  );
}

export function addProve(command: Command, run: Run): void {
  command
    .option('--farm <name>', 'farm to prove (default: main)')
    .option('--minutes <n>', `longest wait for the jobs, at most ${MOST_MINUTES}`, waitMinutes, USUAL_MINUTES)
    .option('-y, --yes', 'do not ask for confirmation')
    .option('--json', 'print one JSON object')
    .action((flags: ProveFlags) => run(async () => proveCommand(flags)));
  explain(command, {
    notes:
      'Prove runs small jobs on your farm and checks what only a deployment can show. ' +
      'It looks at machines, images, the sandbox, the firewall, the cache, GPUs and the permissions of workers. ' +
      'It also tries array jobs, dependencies, retries, cancelling and alarms. ' +
      'It uploads a small scene, and compares its frames with those of a Blender of the same version here. ' +
      'It prints one line per check (ok, failed or skipped) and why, deletes everything that it stored, and reports what it could not delete. ' +
      'It needs the permissions to submit and terminate jobs, to write and delete in the bucket, ' +
      'and to list alarms and job definitions. ' +
      'An interrupted prove terminates its jobs.',
    exitCodes: [
      [0, 'nothing failed, and nothing is left; some checks may be skipped'],
      [1, 'a check failed, files or jobs are left, or the run was not confirmed'],
      [2, 'wrong usage'],
    ],
    examples: ['spotreel prove', 'spotreel prove --yes --json | jq \'.checks[] | select(.state != "ok")\''],
  });
}
