import { countOf } from '../core/count-words';
import { formatUsd } from '../core/format-usd';
import type { RenderCost } from '../core/cost/render-cost';
import { formatSeconds } from '../core/format-seconds';
import { printable } from '../core/printable';
import type { RenderState } from '../core/render-state/render-state';
import { STATE_WORDS } from './describe-state';
import type { Reading } from './meter';
import { secondsLeft } from './pace';

/** What is shown of a render while it is watched; `now` in milliseconds since 1970. Pure. */
export function readingOf(
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
    ...(state.cap ? [describeCap(state.cap)] : []),
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

function describeCap({ maxUsd, reached }: NonNullable<RenderState['cap']>): string {
  return reached ? `stopped at ${formatUsd(maxUsd)} USD` : `at most ${formatUsd(maxUsd)} USD`;
}

function describeWaiting(
  { since, statusReason, hints, found }: NonNullable<RenderState['waiting']>,
  now: number,
): string {
  const seconds = Math.max(0, (now - Date.parse(since)) / 1000);
  const guess = hints.length > 0 ? 'spotreel status says what it may be' : undefined;
  const why = statusReason ?? found?.[0] ?? guess;
  return `for ${formatSeconds(seconds)}${why === undefined ? '' : ` (${why})`}`;
}

function describeLeft({ from, to }: { readonly from: number; readonly to: number }): string {
  const [low, high] = [formatSeconds(from), formatSeconds(to)];
  return low === high ? `about ${low} left` : `${low} to ${high} left`;
}
