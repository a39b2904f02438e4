import { countOf } from '../count-words';
import { formatExactSeconds, formatSeconds } from '../format-seconds';
import { html, type Html } from './html';
import type { FrameSeconds, Stretch } from './report-figures';

/** In SVG's units, which the page scales to its width. */
const WIDTH = 1000;
const HEIGHT = 220;
const LEFT = 56;
const BOTTOM = 24;

/** Beyond so many, neighbours are drawn as one bar: no screen has more columns, and the page stays small. */
const MOST_BARS = 500;
/** Rows of slices; beyond, only those that took longest. */
const MOST_ROWS = 150;
const ROW = 14;

/** Seconds of each frame over the shot, one bar a frame; of neighbours drawn as one, the slowest. */
export function frameChart(frames: readonly FrameSeconds[]): Html {
  if (frames.length === 0) return html`<p class="none">No frame was rendered.</p>`;
  const bars = joinNeighbours(frames);
  const top = bars.reduce((high, { seconds }) => Math.max(high, seconds), 0) || 1;
  const step = (WIDTH - LEFT) / bars.length;
  const plot = HEIGHT - BOTTOM;
  const marks = bars.map(({ first, last, seconds }, i) => {
    const height = Math.max(1, (seconds / top) * (plot - 10));
    const label = `${first === last ? `frame ${first}` : `frames ${first} to ${last}`}: ${formatExactSeconds(seconds)}`;
    return html`<rect
      class="bar"
      x="${round(LEFT + i * step)}"
      y="${round(plot - height)}"
      width="${round(Math.max(0.5, step * 0.9))}"
      height="${round(height)}"
      ><title>${label}</title></rect
    >`;
  });
  return html`<svg
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    role="img"
    aria-label="Seconds per frame"
    data-chart="frames"
  >
    ${axis(plot)}
    <text class="tick" x="${LEFT - 6}" y="16" text-anchor="end">${formatExactSeconds(top)}</text>
    <text class="tick" x="${LEFT - 6}" y="${plot}" text-anchor="end">0</text>
    ${marks}
    <text class="tick" x="${LEFT}" y="${HEIGHT - 6}">${frames[0]!.frame}</text>
    <text class="tick" x="${WIDTH}" y="${HEIGHT - 6}" text-anchor="end">${frames.at(-1)!.frame}</text>
  </svg>`;
}

/** Slices over time, a row each, one stretch an attempt: who worked when, and who waited for whom. */
export function sliceChart(stretches: readonly Stretch[]): Html {
  if (stretches.length === 0) return html`<p class="none">No slice has begun.</p>`;
  const rows = rowsOf(stretches);
  const from = stretches.reduce((low, one) => Math.min(low, one.from), Infinity);
  const to = stretches.reduce((high, one) => Math.max(high, one.to), -Infinity);
  const scale = (WIDTH - LEFT) / Math.max(1, to - from);
  const plot = rows.length * ROW + 4;
  const marks = rows.map(({ slice, attempts }, row) => {
    const y = 2 + row * ROW;
    const label =
      rows.length <= 40 || row % 10 === 0
        ? html`<text class="tick" x="${LEFT - 6}" y="${y + ROW - 4}" text-anchor="end">${slice}</text>`
        : html``;
    return html`${label}${attempts.map((one) => stretchMark(one, { y, from, scale }))} `;
  });
  const untold = new Set(stretches.map(({ slice }) => slice)).size - rows.length;
  const note =
    untold > 0
      ? html`<p class="none">
          ${countOf(untold, 'slice')} that took less long ${untold === 1 ? 'is' : 'are'} not drawn.
        </p>`
      : html``;
  return html`<svg
      viewBox="0 0 ${WIDTH} ${plot + BOTTOM}"
      role="img"
      aria-label="Slices over time"
      data-chart="slices"
    >
      ${axis(plot)}${marks}
      <text class="tick" x="${LEFT}" y="${plot + BOTTOM - 6}">0</text>
      <text class="tick" x="${WIDTH}" y="${plot + BOTTOM - 6}" text-anchor="end">
        ${formatSeconds((to - from) / 1000)}
      </text></svg
    >${note}`;
}

function stretchMark(one: Stretch, { y, from, scale }: { y: number; from: number; scale: number }): Html {
  const { slice, attempt, end, frames, reason } = one;
  const words = { done: 'done', stopped: 'interrupted', failed: 'failed', lost: 'lost with its machine' }[
    end
  ];
  const seconds = formatSeconds((one.to - one.from) / 1000);
  const why = reason === undefined ? '' : `: ${reason}`;
  const label = `slice ${slice}, attempt ${attempt}: ${countOf(frames, 'frame')} in ${seconds}, ${words}${why}`;
  const width = Math.max(2, (one.to - one.from) * scale);
  return html`<rect
    class="stretch ${end}"
    x="${round(LEFT + (one.from - from) * scale)}"
    y="${y}"
    width="${round(width)}"
    height="${ROW - 3}"
    ><title>${label}</title></rect
  >`;
}

interface Row {
  readonly slice: number;
  readonly attempts: readonly Stretch[];
}

function rowsOf(stretches: readonly Stretch[]): Row[] {
  const bySlice = groupBySlice(stretches);
  const rows = [...bySlice].map(([slice, attempts]) => ({ slice, attempts }));
  if (rows.length <= MOST_ROWS) return rows;
  const longest = rows.toSorted((a, b) => busySeconds(b) - busySeconds(a)).slice(0, MOST_ROWS);
  return longest.toSorted((a, b) => a.slice - b.slice);
}

function groupBySlice(stretches: readonly Stretch[]): Map<number, Stretch[]> {
  const rows = new Map<number, Stretch[]>();
  for (const one of stretches) {
    const row = rows.get(one.slice);
    if (row) row.push(one);
    else rows.set(one.slice, [one]);
  }
  return rows;
}

const busySeconds = ({ attempts }: Row): number => attempts.reduce((all, { from, to }) => all + to - from, 0);

interface Bar {
  readonly first: number;
  readonly last: number;
  readonly seconds: number;
}

function joinNeighbours(frames: readonly FrameSeconds[]): Bar[] {
  const joined = Math.ceil(frames.length / MOST_BARS);
  return Array.from({ length: Math.ceil(frames.length / joined) }, (_, i) => {
    const some = frames.slice(i * joined, (i + 1) * joined);
    const seconds = Math.max(...some.map((one) => one.seconds));
    return { first: some[0]!.frame, last: some.at(-1)!.frame, seconds };
  });
}

const axis = (plot: number): Html => html`<path class="axis" d="M${LEFT} 4V${plot}H${WIDTH}" /> `;

const round = (value: number): number => Math.round(value * 100) / 100;
