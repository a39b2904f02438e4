import { formatTags } from '../core/contract/tags';
import { describePrices, describeSpread } from '../core/cost/describe-cost';
import type { Receipt } from '../core/cost/receipt';
import { NOT_IN_COST, type RenderCost } from '../core/cost/render-cost';
import { formatExactSeconds, formatSeconds } from '../core/format-seconds';
import { printable, printableName } from '../core/printable';

/** A receipt for a person. */
export function describeReceipt(receipt: Receipt, ended: boolean): string {
  const { renderId, source, tags, frames, attempts, interruptions, machineSeconds, frameSeconds, cost } =
    receipt;
  const { slices, stitch, onDemand, interrupted, lost, total } = machineSeconds;
  const rows: Array<readonly [string, string]> = [
    ['scene', source],
    ...(Object.keys(tags).length > 0 ? [['tags', formatTags(tags)] as const] : []),
    ['frames', `${frames.stored} of ${frames.total}`],
    ...(frames.onDemand > 0 ? [['', `${frames.onDemand} of them on On-Demand machines`] as const] : []),
    ['attempts', `${attempts}${interruptions > 0 ? `, ${interruptions} interrupted` : ''}`],
    [
      'machine time',
      `${formatSeconds(total)}: slices ${formatSeconds(slices)}, video ${formatSeconds(stitch)}`,
    ],
    ...(onDemand > 0 ? [['', `${formatSeconds(onDemand)} of it on On-Demand machines`] as const] : []),
    ...(interruptions > 0
      ? [
          [
            'interrupted',
            `${formatSeconds(interrupted)}, of which ${formatSeconds(lost)} are in no frame`,
          ] as const,
        ]
      : []),
    ...(frameSeconds ? frameRows(frameSeconds) : []),
    ...(cost ? costRows(cost) : []),
  ];
  const lines = rows.map(([name, text]) => `  ${name.padEnd(14)}${text.replaceAll('\n', ' ')}`);
  const head = `${printableName(renderId)}: ${ended ? 'receipt' : 'receipt so far, as it has not ended'}`;
  return printable([head, ...lines].join('\n'));
}

function frameRows({
  quarter,
  median,
  threeQuarters,
  slowest,
}: NonNullable<Receipt['frameSeconds']>): Array<readonly [string, string]> {
  const [low, high] = [quarter, threeQuarters].map(formatExactSeconds);
  return [
    ['a frame', `${formatExactSeconds(median)} (median), half of them ${low} to ${high}`],
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
    ['', `a reckoning, not the bill; ${NOT_IN_COST}`],
  ];
}
