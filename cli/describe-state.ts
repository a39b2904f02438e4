import { countOf } from '../core/count-words';
import { formatTags } from '../core/contract/tags';
import { describePrices, describeSpread } from '../core/cost/describe-cost';
import { formatUsd } from '../core/format-usd';
import type { RenderCost } from '../core/cost/render-cost';
import { formatExactSeconds, formatSeconds } from '../core/format-seconds';
import { printable, printableName } from '../core/printable';
import { groupReasons } from '../core/render-state/reasons';
import type { RenderState, StateName, Waiting } from '../core/render-state/render-state';
import { describeFinding } from './report-findings';

/** What each state is called. */
export const STATE_WORDS: Readonly<Record<StateName, string>> = {
  refused: 'refused',
  waiting: 'waiting',
  rendering: 'rendering',
  stitching: 'making the video',
  complete: 'complete',
  partial: 'partial: the video lacks frames or sound',
  failed: 'failed',
  stopped: 'stopped: nobody is at it; the same command goes on from there',
  unknown: 'unknown',
};

/** Exit codes of `status` and `watch`, by state. What goes on is no failure. */
export const STATE_EXIT: Readonly<Record<StateName, number>> = {
  refused: 1,
  waiting: 0,
  rendering: 0,
  stitching: 0,
  complete: 0,
  partial: 3,
  failed: 1,
  stopped: 1,
  unknown: 1,
};

/** All about a render, for a person; `now` in milliseconds since 1970. */
export function describeState(state: RenderState, now: number, cost?: RenderCost): string {
  const {
    renderId,
    reason,
    createdAt,
    endedAt,
    failures,
    frames,
    waiting,
    fault,
    findings,
    links,
    retry,
    outputs,
  } = state;
  const rows: Array<readonly [string, string]> = [
    ...(reason === undefined ? [] : [['why', reason] as const]),
    ...(fault === undefined ? [] : [['not known', fault] as const]),
    ...(createdAt === undefined ? [] : [['planned', ago(createdAt, now)] as const]),
    ...(endedAt === undefined ? [] : [['ended', ago(endedAt, now)] as const]),
    ...(retry ? [['retry', describeRetry(retry)] as const] : []),
    ...countRows(state),
    ...(cost ? costRows(cost, state.ended) : []),
    ...(state.cap ? [['may cost', describeCap(state.cap)] as const] : []),
    ...(state.tags ? [['tags', formatTags(state.tags)] as const] : []),
    ...(waiting ? waitingRows(waiting, now) : []),
    ...groupReasons(failures).map((why) => ['failed', why] as const),
  ];
  const untold = (frames?.failed ?? 0) - failures.length;
  if (untold > 0) rows.push(['', `and ${countOf(untold, 'more frame')}; failures/ holds their reasons`]);
  if (links.video !== undefined) rows.push(['video', links.video]);
  rows.push(['folder', links.folder]);
  if (outputs && outputs.length > 0) rows.push(['File Output', describeOutputs(outputs)]);
  if (links.console !== undefined) rows.push(['console', links.console]);
  const lines = rows.map(([name, text]) => `  ${name.padEnd(14)}${text.replaceAll('\n', ' ')}`);
  return printable(
    [
      `${printableName(renderId)}: ${STATE_WORDS[state.state]}`,
      ...lines,
      ...findings.map(describeFinding),
    ].join('\n'),
  );
}

/** Names that are shown. */
const MOST_OUTPUTS = 10;

function describeOutputs(outputs: readonly string[]): string {
  const more = outputs.length > MOST_OUTPUTS ? ` and ${outputs.length - MOST_OUTPUTS} more` : '';
  return `${outputs
    .slice(0, MOST_OUTPUTS)
    .map((node) => `outputs/${node}`)
    .join(', ')}${more}`;
}

/** `1: 12 frames, on On-Demand machines at full price`. */
function describeRetry({ number, why, slices, frames, onDemand }: NonNullable<RenderState['retry']>): string {
  if (slices === 0) return `${number}: the video alone`;
  const parts = [
    countOf(frames, 'frame'),
    ...(onDemand ? ['on On-Demand machines at full price'] : []),
    ...(why === 'reclaimed' ? ['as Spot machines were taken away too often'] : []),
  ];
  return `${number}: ${parts.join(', ')}`;
}

function countRows({ frames, slices, figures }: RenderState): Array<readonly [string, string]> {
  const rows: Array<readonly [string, string]> = [];
  if (frames)
    rows.push(['frames', `${frames.stored} of ${frames.total}${counted(', ', frames.failed, 'failed')}`]);
  if (slices) {
    const { running, waiting, succeeded, failed, total } = slices;
    const parts = [`${succeeded} of ${total} done`, `${running} running`, `${waiting} waiting`];
    rows.push(['slices', `${parts.join(', ')}${counted(', ', failed, 'failed')}`]);
  }
  if (figures && figures.attempts > 0) {
    const { attempts, interruptions, machineSeconds, frameSeconds } = figures;
    rows.push(['attempts', `${attempts}${counted(', ', interruptions, 'interrupted')}`]);
    rows.push(['machine time', formatSeconds(machineSeconds)]);
    if (frameSeconds) rows.push(['a frame', `${formatExactSeconds(frameSeconds.median)} (median)`]);
  }
  return rows;
}

function costRows({ usd, prices }: RenderCost, ended: boolean): Array<readonly [string, string]> {
  const text = `${describeSpread(usd)}, ${describePrices(prices)}; a reckoning, not the bill`;
  return [[ended ? 'cost' : 'cost so far', text]];
}

function describeCap({ maxUsd, reached }: NonNullable<RenderState['cap']>): string {
  const then = reached
    ? 'it has come to that, and is being stopped'
    : 'it is stopped when it comes to that, and what is rendered by then stays';
  return `${formatUsd(maxUsd)} USD: ${then}`;
}

function counted(before: string, count: number, what: string): string {
  return count > 0 ? `${before}${count} ${what}` : '';
}

function waitingRows(
  { since, runnable, statusReason, hints, found = [] }: Waiting,
  now: number,
): Array<readonly [string, string]> {
  const jobs =
    runnable > 0 ? `, ${runnable} ${runnable === 1 ? 'job' : 'jobs'} for a machine (RUNNABLE)` : '';
  return [
    ['waits since', `${ago(since, now)}${jobs}`],
    ...(statusReason === undefined ? [] : [['AWS Batch says', ` ${statusReason}`] as const]),
    ...found.map((one) => ['AWS says', ` ${one}`] as const),
    ...hints.map((hint) => ['it may be that', ` ${hint}`] as const),
  ];
}

/** `2026-11-22T10:00:00.000Z (3 min 20 s ago)`. */
function ago(at: string, now: number): string {
  return `${at} (${formatSeconds(Math.max(0, (now - Date.parse(at)) / 1000))} ago)`;
}
