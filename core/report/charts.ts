import type { FrameSeconds, Stretch } from '../render/slice-figures';
import { countOf, formatExactSeconds, formatSeconds } from '../text';

/** Style of `report.html`. In both schemes the colours differ in lightness, for colour-blind readers. */
export const REPORT_STYLE = `
:root { --text: #1c1e21; --quiet: #5d646d; --ground: #fff; --line: #d7dbe0; --bar: #2f6fd0; --done: #2a8a57;
  --stopped: #d18a00; --lost: #8a5bc7; --failed: #c53030; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --quiet: #9aa3ad; --ground: #16181b; --line: #363b42;
  --bar: #6ea3f2; --done: #56c288; --stopped: #f0b13c; --lost: #b896ec; --failed: #f07575; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
.quiet, .none, .tick, .legend { color: var(--quiet); }
.state { font-size: 1.15rem; font-weight: 600; }
.complete { color: var(--done); }
.partial { color: var(--failed); }
video, .sheet { display: block; width: 100%; height: auto; margin: 1rem 0; border-radius: 4px; background: #000; }
svg { display: block; width: 100%; height: auto; }
@media (max-width: 45rem) { .wide svg { width: 48rem; } }
.axis { fill: none; stroke: var(--line); }
.tick { font-size: 13px; fill: var(--quiet); }
.bar { fill: var(--bar); }
.stretch.done, .key.done { fill: var(--done); background: var(--done); }
.stretch.stopped, .key.stopped { fill: var(--stopped); background: var(--stopped); }
.stretch.lost, .key.lost { fill: var(--lost); background: var(--lost); }
.stretch.failed, .key.failed { fill: var(--failed); background: var(--failed); }
.legend { font-size: .9rem; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .8em; border-radius: 2px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; }
.pairs th { font-weight: 400; color: var(--quiet); }
ul { padding-left: 1.1rem; }
li { margin: .4rem 0; overflow-wrap: anywhere; }
.severity { font-weight: 600; }
.severity.error { color: var(--failed); }
.severity.warning { color: var(--stopped); }
a { color: var(--bar); }
`;

/** Escaped HTML. `html` escapes all other text. */
export class Html {
  constructor(readonly text: string) {}
}

type Part = Html | string | number | readonly Html[];

/** A template that escapes every value except `Html`: names from a scene may hold anything. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const text = strings.map((string, i) => string + (i < parts.length ? textOf(parts[i]!) : ''));
  return new Html(text.join(''));
}

function textOf(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escapeHtml(part);
  return part.map(({ text }) => text).join('');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}

/** In SVG's units, which the page scales to its width. */
const WIDTH = 1000;
const HEIGHT = 220;
const LEFT = 56;
const BOTTOM = 24;

/** Most bars. Neighbours share a bar beyond that, which keeps the page small. */
const MOST_BARS = 500;
/** Most rows. If there are more slices, the chart shows those that took longest. */
const MOST_ROWS = 150;
const ROW = 14;

/** Seconds of each frame, one bar per frame. Neighbours that share a bar show the slowest of them. */
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

/** Slices over time: a row for each slice, a bar for each attempt. */
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
          ${countOf(untold, 'slice')} not shown, because ${untold === 1 ? 'it was' : 'they were'} quicker.
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
