import { describePrices, describeSpread } from '../../core/cost/prices';
import type { RenderCost } from '../../core/cost/receipt';
import { groupReasons } from '../../core/render/frames';
import { formatTags } from '../../core/render/options';
import { describeKeptData } from '../../core/render/slice-figures';
import type { Look } from '../../core/status/look';
import type { RenderState, StateName, Waiting } from '../../core/status/render-state';
import {
  countOf,
  formatExactSeconds,
  formatSeconds,
  formatUsd,
  listNames,
  printable,
  printableName,
} from '../../core/text';
import { describeFinding, describeRows, localTime, type Reading } from '../output';

/** The word for each state. */
export const STATE_WORDS: Readonly<Record<StateName, string>> = {
  refused: 'refused',
  waiting: 'waiting',
  rendering: 'rendering',
  stitching: 'making the video',
  complete: 'complete',
  partial: 'partial: the video lacks frames or sound',
  failed: 'failed',
  stopped: 'stopped: no process renders it; run the same command again to resume',
  unknown: 'unknown',
};

/** Exit codes of `status` and `watch`, by state. A running render is no failure. */
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

/** Describes a look at a render for a person; `now` in milliseconds since 1970. */
export function describeState(
  { state, usage }: Pick<Look, 'state' | 'usage'>,
  now: number,
  cost?: RenderCost,
): string {
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
    ...(fault === undefined ? [] : [['unknown', fault] as const]),
    ...(createdAt === undefined ? [] : [['planned', ago(createdAt, now)] as const]),
    ...(endedAt === undefined ? [] : [['ended', ago(endedAt, now)] as const]),
    ...(retry ? [['retry', describeRetry(retry)] as const] : []),
    ...countRows(state, usage),
    ...(cost ? costRows(cost, state.ended) : []),
    ...(state.cap ? [['cost cap', describeCap(state.cap)] as const] : []),
    ...(state.tags ? [['tags', formatTags(state.tags)] as const] : []),
    ...(waiting ? waitingRows(waiting, now) : []),
    ...groupReasons(failures).map((why) => ['failed', why] as const),
  ];
  const unlisted = (frames?.failed ?? 0) - failures.length;
  if (unlisted > 0) rows.push(['', `and ${countOf(unlisted, 'more frame')}; failures/ holds their reasons`]);
  if (links.video !== undefined) rows.push(['video', links.video]);
  rows.push(['folder', links.folder]);
  if (outputs && outputs.length > 0) rows.push(['File Output', describeOutputs(outputs)]);
  if (links.console !== undefined) rows.push(['console', links.console]);
  return printable(
    [
      `${printableName(renderId)}: ${STATE_WORDS[state.state]}`,
      ...describeRows(rows),
      ...findings.map(describeFinding),
    ].join('\n'),
  );
}

/** Most names that are listed. */
const MOST_OUTPUTS = 10;

function describeOutputs(outputs: readonly string[]): string {
  return listNames(
    outputs.map((node) => `outputs/${node}`),
    MOST_OUTPUTS,
  );
}

/** `1: 12 frames, on On-Demand machines at full price`. */
function describeRetry(retry: NonNullable<RenderState['retry']>): string {
  const { kind, number, why, frames, onDemand, memoryMib } = retry;
  if (kind === 'video') return `${number}: the video only`;
  const parts = [
    countOf(frames, 'frame'),
    ...(onDemand ? ['on On-Demand machines at full price'] : []),
    ...(memoryMib === undefined ? [] : [`with ${memoryMib} MiB for each slice`]),
    ...(why === 'memory' ? ['because slices ran out of memory'] : []),
    ...(why === 'reclaimed' ? ['because Spot machines were interrupted too often'] : []),
  ];
  return `${number}: ${parts.join(', ')}`;
}

function countRows(
  { frames, slices, figures, ended, links }: RenderState,
  { stitchSeconds }: Look['usage'],
): Array<readonly [string, string]> {
  const rows: Array<readonly [string, string]> = [];
  if (frames)
    rows.push(['frames', `${frames.stored} of ${frames.total}${counted(', ', frames.failed, 'failed')}`]);
  if (slices) {
    const { running, waiting, succeeded, failed, total } = slices;
    const parts = [`${succeeded} of ${total} done`, `${running} running`, `${waiting} waiting`];
    rows.push(['slices', `${parts.join(', ')}${counted(', ', failed, 'failed')}`]);
  }
  if (figures && figures.attempts > 0) {
    const { attempts, interruptions, machineSeconds, frameSeconds, keptData } = figures;
    rows.push(['attempts', describeAttempts(attempts, slices?.total, interruptions)]);
    rows.push([
      'machine time',
      describeMachineTime(machineSeconds, stitchSeconds, !ended || links.video !== undefined),
    ]);
    if (frameSeconds) rows.push(['a frame', `${formatExactSeconds(frameSeconds.median)} (median)`]);
    if (keptData) rows.push(['kept data', describeKeptData(keptData)]);
  }
  return rows;
}

/** `3 for 2 slices, 1 interrupted`; each slice needs one attempt. Pure. */
export function describeAttempts(
  attempts: number,
  slices: number | undefined,
  interruptions: number,
): string {
  const needed = slices === undefined ? '' : ` for ${countOf(slices, 'slice')}`;
  return `${attempts}${needed}${counted(', ', interruptions, 'interrupted')}`;
}

/** `6 s: slices 1 s, video 5 s`, from the seconds of both; without a video, frames are only checked. Pure. */
export function describeMachineTime(slices: number, stitch: number, hasVideo: boolean): string {
  if (stitch === 0) return formatSeconds(slices);
  return `${formatSeconds(slices + stitch)}: slices ${formatSeconds(slices)}, ${hasVideo ? 'video' : 'last check'} ${formatSeconds(stitch)}`;
}

function costRows({ usd, prices }: RenderCost, ended: boolean): Array<readonly [string, string]> {
  const text = `${describeSpread(usd)}, ${describePrices(prices)}; an estimate, not your AWS bill`;
  return [[ended ? 'cost' : 'cost so far', text]];
}

function describeCap({ maxUsd, reached }: NonNullable<RenderState['cap']>): string {
  const then = reached
    ? 'reached; the farm is stopping the render'
    : 'at this cost the farm stops the render and keeps its frames';
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
    runnable > 0 ? `, ${runnable} ${runnable === 1 ? 'job' : 'jobs'} waiting for a machine (RUNNABLE)` : '';
  return [
    ['waiting since', `${ago(since, now)}${jobs}`],
    ...(statusReason === undefined ? [] : [['AWS Batch says', ` ${statusReason}`] as const]),
    ...found.map((one) => ['AWS says', ` ${one}`] as const),
    ...hints.map((hint) => ['possible cause', ` ${hint}`] as const),
  ];
}

/** `2026-11-22 10:00 (3 min 20 s ago)`, in local time. */
function ago(at: string, now: number): string {
  return `${localTime(at)} (${formatSeconds(Math.max(0, (now - Date.parse(at)) / 1000))} ago)`;
}

/** Seconds over which frames per minute are measured. */
const WINDOW_SECONDS = 300;

/** Least number of frames for an estimate of the remaining time. */
const LEAST_FRAMES = 3;

/** The pace of a render, measured over several looks. */
export class Pace {
  private looks: Array<{ readonly at: number; readonly stored: number }> = [];

  /** `at` in milliseconds. */
  add(at: number, stored: number): void {
    this.looks = [...this.looks.filter((look) => at - look.at <= WINDOW_SECONDS * 1000), { at, stored }];
  }

  /** `undefined` before the second look. */
  framesPerMinute(): number | undefined {
    const [first, last] = [this.looks[0], this.looks.at(-1)];
    if (!first || !last || last.at <= first.at) return undefined;
    return Math.max(0, (last.stored - first.stored) / ((last.at - first.at) / 60_000));
  }
}

/**
 * Seconds until the last frame at the current number of slices, if all remaining frames are like the faster or the
 * slower quarter; `undefined` if nothing runs or too little is known. Pure.
 */
export function secondsLeft({
  frames,
  slices,
  figures,
}: Pick<RenderState, 'frames' | 'slices' | 'figures'>):
  { readonly from: number; readonly to: number } | undefined {
  const left = frames ? frames.total - frames.stored - frames.failed : 0;
  const { running = 0, waiting = 0 } = slices ?? {};
  const { frameSeconds } = figures ?? {};
  if (!frames || !frameSeconds || left <= 0 || running === 0 || frames.stored < LEAST_FRAMES)
    return undefined;
  // At most one slice per remaining frame, and only remaining slices.
  const parallel = Math.min(running, left, running + waiting);
  return {
    from: (left * frameSeconds.quarter) / parallel,
    to: (left * frameSeconds.threeQuarters) / parallel,
  };
}

/** The progress of a watched render; `now` in milliseconds since 1970. Pure. */
export function renderReading(
  state: RenderState,
  framesPerMinute: number | undefined,
  now: number,
  cost?: RenderCost,
): Reading {
  const { frames, slices, figures, waiting, retry, fault } = state;
  const left = secondsLeft(state);
  const note = [
    STATE_WORDS[state.state].replace(/:.*/, ''),
    ...(waiting ? [describeWaiting(waiting, now)] : []),
    ...(slices && state.state === 'rendering'
      ? [`${slices.running} of ${countOf(slices.total, 'slice')} running`]
      : []),
    ...(retry?.onDemand && !state.ended ? ['on On-Demand machines'] : []),
    ...(framesPerMinute === undefined || framesPerMinute === 0
      ? []
      : [`${framesPerMinute.toFixed(framesPerMinute < 10 ? 1 : 0)} frames/min`]),
    ...(left ? [describeLeft(left)] : []),
    ...(frames && frames.failed > 0 ? [`${frames.failed} failed`] : []),
    ...(figures && figures.interruptions > 0 ? [`${figures.interruptions} interrupted`] : []),
    ...(cost ? [`about ${formatUsd(cost.usd.middle)} USD so far`] : []),
    ...(state.cap ? [describeCapBriefly(state.cap)] : []),
    ...(fault === undefined ? [] : [fault]),
  ];
  const { total = 0, stored = 0 } = frames ?? {};
  return {
    total,
    done: stored,
    count: `${stored} of ${countOf(total, 'frame')}`,
    note: printable(note.join(', ')).replaceAll('\n', ' '),
  };
}

function describeCapBriefly({ maxUsd, reached }: NonNullable<RenderState['cap']>): string {
  return reached ? `stopped at ${formatUsd(maxUsd)} USD` : `at most ${formatUsd(maxUsd)} USD`;
}

function describeWaiting(
  { since, statusReason, hints, found }: NonNullable<RenderState['waiting']>,
  now: number,
): string {
  const seconds = Math.max(0, (now - Date.parse(since)) / 1000);
  const guess = hints.length > 0 ? 'spotreel status lists possible causes' : undefined;
  const why = statusReason ?? found?.[0] ?? guess;
  return `for ${formatSeconds(seconds)}${why === undefined ? '' : ` (${why})`}`;
}

function describeLeft({ from, to }: { readonly from: number; readonly to: number }): string {
  const [low, high] = [formatSeconds(from), formatSeconds(to)];
  return low === high ? `about ${low} left` : `${low} to ${high} left`;
}
