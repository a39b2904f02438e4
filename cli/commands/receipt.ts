import type { Command } from 'commander';
import { describePrices, describeSpread } from '../../core/cost/prices';
import { makeReceipt, NOT_IN_COST, type Receipt, type RenderCost } from '../../core/cost/receipt';
import { formatTags } from '../../core/render/options';
import { describeKeptData, describeStarts } from '../../core/render/slice-figures';
import { plannedVideo } from '../../core/scene/plan';
import { hasEnded } from '../../core/status/look';
import { openStorage } from '../../core/storage/open-storage';
import { countOf, formatExactSeconds, formatSeconds, printable, printableName } from '../../core/text';
import { describeAttempts, describeMachineTime } from '../status/describe-state';
import { explain, type Run, withOptionalRenderId, withPlaceOptions } from '../help';
import { print } from '../output';
import { findPlace, findRender, type PlaceFlags, renderOrNewest } from '../place';
import { CostReporter } from '../status/reporters';
import { describeRows } from '../output';

function describeReceipt(receipt: Receipt, ended: boolean, hasVideo: boolean): string {
  const { renderId, source, tags, frames, attempts, interruptions, machineSeconds } = receipt;
  const { frameSeconds, retriedMemory, keptData, cost, starts } = receipt;
  const { slices, stitch, onDemand, interrupted, lost } = machineSeconds;
  const rows: Array<readonly [string, string]> = [
    ['scene', source],
    ...(Object.keys(tags).length > 0 ? [['tags', formatTags(tags)] as const] : []),
    ['frames', `${frames.stored} of ${frames.total}`],
    ...(frames.onDemand > 0 ? [['', `${frames.onDemand} of them on On-Demand machines`] as const] : []),
    ['attempts', describeAttempts(attempts, receipt.slices.attempts.length, interruptions)],
    ['machine time', describeMachineTime(slices, stitch, hasVideo)],
    ...(onDemand > 0 ? [['', `${formatSeconds(onDemand)} of it on On-Demand machines`] as const] : []),
    ...(starts ? [['starts', describeStarts(starts)] as const] : []),
    ...(interruptions > 0
      ? [['interrupted', `${formatSeconds(interrupted)}, of which ${formatSeconds(lost)} were lost`] as const]
      : []),
    ...(retriedMemory ? [['more memory', describeMemory(retriedMemory)] as const] : []),
    ...(frameSeconds ? frameRows(frameSeconds) : []),
    ...(keptData ? [['kept data', describeKeptData(keptData)] as const] : []),
    ...(cost ? costRows(cost) : []),
  ];
  const lines = describeRows(rows);
  const head = `${printableName(renderId)}: ${ended ? 'receipt' : 'receipt so far (the render has not ended)'}`;
  return printable([head, ...lines].join('\n'));
}

function describeMemory(retried: NonNullable<Receipt['retriedMemory']>): string {
  const { slices, memoryMib, machineSeconds } = retried;
  return `${countOf(slices, 'slice')} rendered again with up to ${memoryMib} MiB, ${formatSeconds(machineSeconds)} of the time`;
}

/** The rows about seconds per frame. Pure. */
export function frameRows({
  quarter,
  median,
  threeQuarters,
  slowest,
}: NonNullable<Receipt['frameSeconds']>): Array<readonly [string, string]> {
  const [low, high] = [quarter, threeQuarters].map(formatExactSeconds);
  const spread = low === high ? '' : `, half of them ${low} to ${high}`;
  return [
    ['a frame', `${formatExactSeconds(median)} (median)${spread}`],
    ['slowest', `frame ${slowest.frame}, ${formatExactSeconds(slowest.seconds)}`],
  ];
}

function costRows({ usd, spot, onDemand, stitch, prices }: RenderCost): Array<readonly [string, string]> {
  const parts = [
    `slices on Spot ${describeSpread(spot)}`,
    ...(onDemand.high > 0 ? [`on On-Demand ${describeSpread(onDemand)}`] : []),
    `video ${describeSpread(stitch)}`,
  ];
  return [
    ['cost', `${describeSpread(usd)}, ${describePrices(prices)}`],
    ['', parts.join('; ')],
    ...prices.notes.map((note) => ['', note] as const),
    ['', `an estimate, not your AWS bill; ${NOT_IN_COST}`],
  ];
}

interface ReceiptFlags extends PlaceFlags {
  readonly json?: boolean;
}

/** `spotreel receipt [renderId]`: machine time of a render and its cost at current prices. Returns the exit code. */
export async function receiptCommand(renderId: string | undefined, flags: ReceiptFlags): Promise<number> {
  const place = await findPlace(flags);
  const storage = openStorage();
  const id = await renderOrNewest(renderId, place, storage);
  const { render, manifest } = await findRender(id, place, storage);
  const costOf = await new CostReporter(place.farm).calculator(manifest.options.device === 'GPU');
  const ended = await hasEnded({ render, batch: place.batch, now: Date.now });
  const stored = await render.storedFrames(manifest);
  const receipt = makeReceipt({
    manifest,
    slices: await render.slices(),
    stored: stored.size,
    stitch: await render.stitchRecord.readIfValid(),
    ended,
    costOf: (usage) => costOf?.(usage),
    at: new Date(),
  });
  if (flags.json) process.stdout.write(`${JSON.stringify(receipt)}\n`);
  else print(describeReceipt(receipt, ended, plannedVideo(manifest) !== 'none'), process.stdout);
  return 0;
}

export function addReceipt(command: Command, run: Run): void {
  withOptionalRenderId(command)
    .option('--json', 'print one JSON object, with all slices')
    .action((renderId: string | undefined, flags: ReceiptFlags) =>
      run(async () => receiptCommand(renderId, flags)),
    );
  explain(withPlaceOptions(command), {
    notes:
      'The receipt has machine time, time until Blender could begin (starts), time lost to interruptions, ' +
      'seconds per frame and tags. ' +
      'For a farm it has the cost at current Spot prices from EC2 (ec2:DescribeSpotPriceHistory), ' +
      'or at built-in prices without that permission. ' +
      'This is an estimate, not your AWS bill. ' +
      'receipt.json in the folder of the render keeps the figures from when the video was made.',
    exitCodes: [
      [0, 'shown'],
      [1, 'failed'],
      [2, 'wrong usage'],
    ],
    examples: [
      'spotreel receipt shot-1a2b3c4d',
      'spotreel receipt shot-1a2b3c4d --farm main --json | jq .cost.usd',
    ],
  });
}
