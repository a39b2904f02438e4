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
.chart { display: grid; grid-template-columns: auto minmax(0, 1fr); column-gap: 6px; font-size: 13px; line-height: 14px; }
.chart svg { display: block; width: 100%; }
.rows { display: flex; flex-direction: column; justify-content: space-between; text-align: right; white-space: nowrap; }
.columns { grid-column: 2; display: flex; justify-content: space-between; padding-top: 4px; }
.axis { fill: none; stroke: var(--line); vector-effect: non-scaling-stroke; }
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

/** A plot's width in SVG units: the page stretches it to the width of its column. Heights are CSS pixels. */
const WIDTH = 1000;
const HEIGHT = 196;

/** Most bars. Neighbours share a bar beyond that, which keeps the page small. */
const MOST_BARS = 500;
/** Most rows. If there are more slices, the chart shows those that took longest. */
const MOST_ROWS = 150;
const ROW = 14;

interface Chart {
  readonly name: string;
  readonly title: string;
  readonly height: number;
  readonly marks: readonly Html[];
  /** Labels beside the plot, from its top to its bottom. */
  readonly rows: readonly string[];
  /** Labels below its left and right ends. */
  readonly columns: readonly [string | number, string | number];
}

/** Labels are text beside the plot, so a narrow screen shows all of it and can still read them. */
function chart({ name, title, height, marks, rows, columns }: Chart): Html {
  return html`<div class="chart">
    <div class="rows tick">${rows.map((label) => html`<span>${label}</span>`)}</div>
    <svg
      viewBox="0 0 ${WIDTH} ${height}"
      height="${height}"
      preserveAspectRatio="none"
      role="img"
      aria-label="${title}"
      data-chart="${name}"
    >
      <path class="axis" d="M0 0V${height}H${WIDTH}" />
      ${marks}
    </svg>
    <div class="columns tick">${columns.map((label) => html`<span>${label}</span>`)}</div>
  </div>`;
}

/** Seconds of each frame, one bar per frame. Neighbours that share a bar show the slowest of them. */
export function frameChart(frames: readonly FrameSeconds[]): Html {
  if (frames.length === 0) return html`<p class="none">No frame was rendered.</p>`;
  const bars = joinNeighbours(frames);
  const top = bars.reduce((high, { seconds }) => Math.max(high, seconds), 0) || 1;
  const step = WIDTH / bars.length;
  const marks = bars.map(({ first, last, seconds }, i) => {
    const height = Math.max(1, (seconds / top) * HEIGHT);
    const label = `${first === last ? `frame ${first}` : `frames ${first} to ${last}`}: ${formatExactSeconds(seconds)}`;
    return html`<rect
      class="bar"
      x="${round(i * step)}"
      y="${round(HEIGHT - height)}"
      width="${round(Math.max(0.5, step * 0.9))}"
      height="${round(height)}"
      ><title>${label}</title></rect
    >`;
  });
  return chart({
    name: 'frames',
    title: 'Seconds per frame',
    height: HEIGHT,
    marks,
    rows: [formatExactSeconds(top), '0'],
    columns: [frames[0]!.frame, frames.at(-1)!.frame],
  });
}

/** Slices over time: a row for each slice, a bar for each attempt. */
export function sliceChart(stretches: readonly Stretch[]): Html {
  if (stretches.length === 0) return html`<p class="none">No slice has begun.</p>`;
  const rows = rowsOf(stretches);
  const from = stretches.reduce((low, one) => Math.min(low, one.from), Infinity);
  const to = stretches.reduce((high, one) => Math.max(high, one.to), -Infinity);
  const scale = WIDTH / Math.max(1, to - from);
  const marks = rows.map(({ attempts }, row) => {
    const y = 2 + row * ROW;
    return html`${attempts.map((one) => stretchMark(one, { y, from, scale }))} `;
  });
  const hidden = new Set(stretches.map(({ slice }) => slice)).size - rows.length;
  const note =
    hidden > 0
      ? html`<p class="none">
          ${countOf(hidden, 'slice')} not shown, because ${hidden === 1 ? 'it was' : 'they were'} quicker.
        </p>`
      : html``;
  const plot = chart({
    name: 'slices',
    title: 'Slices over time',
    height: rows.length * ROW,
    marks,
    rows: rows.map(({ slice }, row) =>
      rows.length <= MOST_LABELS || row % 10 === 0 ? String(slice) : NO_LABEL,
    ),
    columns: ['0', formatSeconds((to - from) / 1000)],
  });
  return html`${plot}${note}`;
}

/** Rows that each have a label; of more, one in ten has. */
const MOST_LABELS = 40;

/** A space that keeps the height of its row. */
const NO_LABEL = '\u00a0';

function stretchMark(one: Stretch, { y, from, scale }: { y: number; from: number; scale: number }): Html {
  const { slice, attempt, end, frames, reason } = one;
  const words = { done: 'done', stopped: 'interrupted', failed: 'failed', lost: 'lost with its machine' }[
    end
  ];
  const seconds = formatSeconds((one.to - one.from) / 1000);
  const why = reason === undefined ? '' : `: ${reason}`;
  const label = `slice ${slice}, attempt ${attempt}: ${countOf(frames, 'frame')} in ${seconds}, ${words}${why}`;
  const width = Math.max(4, (one.to - one.from) * scale);
  return html`<rect
    class="stretch ${end}"
    x="${round((one.from - from) * scale)}"
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

const round = (value: number): number => Math.round(value * 100) / 100;
