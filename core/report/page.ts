import { describePrices, describeSpread } from '../cost/prices';
import { NOT_IN_COST, type RenderCost } from '../cost/receipt';
import { describeLacking, describeRanges, formatFrames, groupReasons } from '../render/frames';
import { frameName } from '../render/keys';
import type { Finding, Manifest } from '../render/manifest';
import { formatTags } from '../render/options';
import { type MissingFiles, MOST_MISSING_FILES, type SliceReport } from '../render/records';
import {
  describeKeptData,
  describeStarts,
  quantileOf,
  reportFigures,
  type ReportFigures,
  type SliceRecords,
} from '../render/slice-figures';
import { countOf, formatExactSeconds, formatSeconds } from '../text';
import { frameChart, html, Html, REPORT_STYLE, sliceChart } from './charts';

/** Files that frames of these slices lack. The last rendering of a frame counts. Pure. */
export function lackingOf(slices: readonly SliceReport[]): MissingFiles | undefined {
  const attempts = slices.flatMap(({ attempts: all }) => all);
  const latest = new Map(
    attempts.flatMap((attempt) => attempt.frames.map((one) => [one.frame, { ...one, attempt }])),
  );
  const lacking = [...latest.values()].filter(({ lacks }) => lacks);
  if (lacking.length === 0) return undefined;
  const concerned = [...new Set(lacking.map(({ attempt }) => attempt))];
  const files = new Set(concerned.flatMap(({ missingFiles = [] }) => missingFiles));
  // An attempt that did not name all its files: it is unknown which frames lack the rest.
  const most = concerned.reduce(
    (count, { missingFileCount = 0 }) => Math.max(count, missingFileCount),
    files.size,
  );
  return {
    version: 1,
    frames: lacking.length,
    count: Math.max(1, most),
    files: [...files].toSorted().slice(0, MOST_MISSING_FILES),
  };
}

/** Pictures and films inside the page, as `data:` URLs: the page may be opened without its neighbours. */
interface ReportMedia {
  /** A small film of all stored frames. */
  readonly preview?: string;
  readonly poster?: string;
  readonly contactSheet?: string;
}

interface FilmInput {
  readonly manifest: Pick<Manifest, 'frameCount' | 'frames'>;
  readonly media: ReportMedia;
  /** The name of the video beside the page; absent if no video was made. */
  readonly video?: string;
  /** Folders below `outputs/`. */
  readonly outputs?: readonly string[];
}

/** Most File Output nodes with a link. The page counts the others. */
const MOST_NODES = 100;

/** Links to the files of File Output nodes, which are beside the page. */
function outputLinks(outputs: readonly string[]): Html {
  if (outputs.length === 0) return html``;
  const links = outputs
    .slice(0, MOST_NODES)
    .map((node) => html` <a href="outputs/${encodeURIComponent(node)}/">outputs/${node}</a>`);
  const more = outputs.length > links.length ? ` and ${outputs.length - links.length} more` : '';
  return html`<p>File Output nodes:${links}${more}</p>`;
}

/** The film or, for a render of one frame, its picture, with links to the files beside the page. */
function film({ manifest, media, video, outputs = [] }: FilmInput, missing: number): Html {
  const { preview, poster, contactSheet } = media;
  const player =
    preview === undefined
      ? stillOf(poster)
      : html`<video
          controls
          playsinline
          preload="metadata"
          src="${preview}"
          ${poster === undefined ? html`` : html` poster="${poster}"`}
        ></video> `;
  const isStill = manifest.frameCount === 1 && missing === 0;
  const full = video ?? (isStill ? `frames/${frameName(manifest.frames[0]!.start)}` : undefined);
  const link =
    full === undefined ? html`` : html`<p>Full size: <a href="${full}">${full}</a>, beside this page.</p>`;
  const sheet =
    contactSheet === undefined
      ? html``
      : html`<img
          class="sheet"
          alt="Frames of the film, evenly spaced, with their numbers"
          src="${contactSheet}"
        />`;
  return html`<section>${player}${link}${outputLinks(outputs)}${sheet}</section>`;
}

const stillOf = (poster: string | undefined): Html =>
  poster === undefined ? html`` : html`<img class="sheet" alt="The frame in the middle" src="${poster}" />`;

export interface ReportInput extends SliceRecords {
  readonly media: ReportMedia;
  /** The name of the video beside the page; absent if no video was made. */
  readonly video?: string;
  /** Which sound the video lacks, a sentence each. */
  readonly lacks?: readonly string[];
  /** Findings from making the video. */
  readonly findings?: readonly Finding[];
  /** The cost at the built-in prices; absent for renders without paid machines. */
  readonly cost?: RenderCost;
  readonly at: Date;
}

/** Most rows of a table. The page counts the others, which are in `failures/` or `slices/`. */
const MOST_ROWS = 100;

/**
 * `report.html`: the result of a render on one page, for phones and dark screens, too. It needs no script, no network
 * and no other file. Text from a scene is escaped. Pure.
 */
export function reportPage(input: ReportInput): string {
  const figures = reportFigures(input);
  const { renderId } = input.manifest;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
        />
        <link rel="icon" href="data:," />
        <title>${renderId} · Spotreel</title>
        <style>
          ${new Html(REPORT_STYLE)}
        </style>
      </head>
      <body>
        <main>
          ${headline(input, figures)} ${film(input, input.missing.length)} ${missingFrames(input)}
          ${section('Seconds per frame', frameChart(figures.frames))}
          ${section('Slices over time', html`${sliceChart(figures.stretches)}${LEGEND}`)}
          ${figuresTable(input, figures)} ${interruptions(figures)}
          ${findings('Findings before the render', input.manifest.findings ?? [])}
          ${findings('Findings from making the video', input.findings ?? [])} ${settings(input)}
        </main>
      </body>
    </html> `;
  return page.text;
}

function headline(
  { manifest, missing, slices, lacks = [], at }: ReportInput,
  { wallSeconds }: ReportFigures,
): Html {
  const { renderId, frameCount, scene } = manifest;
  const there = frameCount - missing.length;
  const lacking = lackingOf(slices);
  const state =
    missing.length === 0
      ? html`<p class="state ${lacks.length === 0 ? 'complete' : 'partial'}">
          ${frameCount === 1 ? 'The frame is stored.' : `All ${frameCount} frames are stored.`}
        </p>`
      : html`<p class="state partial">
          ${there} of ${countOf(frameCount, 'frame')} ${there === 1 ? 'is' : 'are'} stored, ${missing.length}
          ${missing.length === 1 ? 'is' : 'are'} missing.
        </p>`;
  const sound = lacks.map((one) => html`<p class="state partial">Sound: ${one}.</p>`);
  return html`<header>
    <h1>${renderId}</h1>
    ${state} ${sound}
    ${lacking ? html`<p class="state partial">${capital(describeLacking(lacking))}</p>` : html``}
    <p class="quiet">
      Scene “${scene}” of ${fileNameOf(manifest.source.url)}, ${formatSeconds(wallSeconds)} from the first
      slice’s start to the last one’s end. Written on ${at.toISOString().slice(0, 16).replace('T', ' at ')}
      UTC.
    </p>
  </header>`;
}

const capital = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`;

function fileNameOf(url: string): string {
  return url.split('/').at(-1) ?? url;
}

const NEVER = 'not rendered: its slice ended before this frame';

/** Most sentences about missing frames. The table has a row for each frame. */
const MOST_GROUPS = 5;

function missingFrames({ missing }: ReportInput): Html {
  if (missing.length === 0) return html``;
  const rows = missing.slice(0, MOST_ROWS).map(({ frame, failure }) => {
    const why = failure?.reason ?? NEVER;
    return [frame, failure?.tries ?? '', why];
  });
  const failed = missing.map(({ frame, failure }) => ({
    frame,
    reason: failure?.reason ?? NEVER,
    missing: failure?.missing,
  }));
  const table = html`<p>${formatFrames(missing.map(({ frame }) => frame))}</p>
    ${groupReasons(failed)
      .slice(0, MOST_GROUPS)
      .map((reason) => html`<p>${reason}</p>`)}
    ${columns(['Frame', 'Tries', 'Why'], rows)}${rest(missing.length, 'failures/ holds all of them')}`;
  return section('Missing frames', table);
}

function figuresTable({ manifest, cost }: ReportInput, figures: ReportFigures): Html {
  const seconds = figures.frames.map((one) => one.seconds).toSorted((a, b) => a - b);
  const rows: Array<readonly [string, string]> = [
    ['Slices', describeSlices(manifest)],
    ['Attempts', String(figures.stretches.length)],
    ['Interruptions', String(figures.interruptions)],
    ['Machine time', formatSeconds(figures.slotSeconds)],
    ['Blender’s time for stored frames', formatSeconds(figures.renderSeconds)],
    ...(figures.starts
      ? [['Fetching the scene, and Blender’s starts', describeStarts(figures.starts)] as const]
      : []),
    ['Blender’s time lost to interruptions, as far as known', formatExactSeconds(figures.droppedSeconds)],
  ];
  if (seconds.length > 0) {
    const median = formatExactSeconds(quantileOf(seconds, 0.5));
    const range = `${formatExactSeconds(seconds[0]!)} to ${formatExactSeconds(seconds.at(-1)!)}`;
    rows.push(['A frame, median (shortest to longest)', `${median} (${range})`]);
  }
  if (figures.keptData) rows.push(['Kept data between frames', describeKeptData(figures.keptData)]);
  if (figures.blenderPeakMemoryBytes !== undefined)
    rows.push(['Largest Blender', `${Math.round(figures.blenderPeakMemoryBytes / 2 ** 20)} MiB`]);
  if (cost)
    rows.push([
      'Estimated cost of that time',
      `${describeSpread(cost.usd)}, ${describePrices(cost.prices)}; ${NOT_IN_COST}`,
    ]);
  return section('Figures', pairs(rows));
}

/** `4 slices of up to 18 frames`: the last one may have fewer. */
function describeSlices({ sliceCount, framesPerSlice }: ReportInput['manifest']): string {
  const upTo = sliceCount > 1 ? 'up to ' : '';
  return `${countOf(sliceCount, 'slice')} of ${upTo}${countOf(framesPerSlice, 'frame')}`;
}

function interruptions({ stretches }: ReportFigures): Html {
  const bad = stretches.filter(({ end }) => end !== 'done');
  if (bad.length === 0) return html``;
  const rows = bad.slice(0, MOST_ROWS).map(({ slice, attempt, end, frames, reason }) => {
    const why = reason ?? (end === 'lost' ? 'its machine was lost before it could report a reason' : '');
    return [slice, attempt, frames, why];
  });
  const table = html`${columns(['Slice', 'Attempt', 'Frames', 'Why it ended'], rows)}${rest(bad.length, 'slices/ holds all of them')}`;
  return section('Interrupted and failed attempts', table);
}

function findings(title: string, all: readonly Finding[]): Html {
  if (all.length === 0) return html``;
  const items = all.slice(0, MOST_ROWS).map(
    ({ severity = 'warning', code, message }) =>
      html`<li>
        <span class="severity ${severity}">${severity}</span> ${message}
        <span class="quiet">(${code})</span>
      </li>`,
  );
  return section(
    title,
    html`<ul>
        ${items}
      </ul>
      ${rest(all.length, 'manifest.json holds all of them')}`,
  );
}

function settings({ manifest }: ReportInput): Html {
  const {
    blenderVersion: saved,
    renderBlenderVersion,
    resolution,
    frameRate,
    engine,
    frames,
    options,
  } = manifest;
  const rows: Array<readonly [string, string]> = [
    ['Frames', describeRanges(frames, Infinity)],
    [
      'Frame rate',
      frameRate.denominator === 1
        ? String(frameRate.numerator)
        : `${frameRate.numerator}/${frameRate.denominator}`,
    ],
    ['Resolution', `${resolution.width} × ${resolution.height}`],
    ['Engine', engine],
    ['Saved by Blender', `${saved.major}.${saved.minor}`],
    ...(renderBlenderVersion === undefined ? [] : [['Rendered by Blender', renderBlenderVersion] as const]),
    ...(manifest.tags ? [['Tags', formatTags(manifest.tags)] as const] : []),
    ...Object.entries(options).map(([name, value]) => [`Asked for: ${name}`, String(value)] as const),
  ];
  return section('Versions and settings', pairs(rows));
}

function columns(head: readonly string[], rows: ReadonlyArray<ReadonlyArray<string | number>>): Html {
  const line = (cells: readonly Html[]) =>
    html`<tr>
      ${cells}
    </tr>`;
  return wide(
    html`<table>
      <thead>
        ${line(head.map((name) => html`<th>${name}</th>`))}
      </thead>
      <tbody>
        ${rows.map((row) => line(row.map((cell) => html`<td>${cell}</td>`)))}
      </tbody>
    </table>`,
  );
}

function pairs(rows: ReadonlyArray<readonly [string, string]>): Html {
  return html`<table class="pairs">
    <tbody>
      ${rows.map(
        ([name, value]) =>
          html`<tr>
            <th scope="row">${name}</th>
            <td>${value}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function rest(count: number, where: string): Html {
  return count > MOST_ROWS ? html`<p class="none">${count - MOST_ROWS} more; ${where}.</p>` : html``;
}

/** A table that may be wider than a phone, where it scrolls sideways. */
const wide = (content: Html): Html => html`<div class="wide">${content}</div>`;

const section = (title: string, content: Html): Html =>
  html`<section>
    <h2>${title}</h2>
    ${content}
  </section>`;

const LEGEND = html`<p class="legend">
  <span class="key done"></span>done <span class="key stopped"></span>interrupted
  <span class="key lost"></span>lost with its machine <span class="key failed"></span>failed
</p>`;
