import { join } from 'node:path';
import { forEachConcurrently } from '../../core/concurrency';
import { compressFrames, formatFrameRanges, formatFrames } from '../../core/render/frames';
import { frameName, mayBeOfFrames } from '../../core/render/keys';
import type { Manifest } from '../../core/render/manifest';
import type { Render } from '../../core/render/render';
import type { VideoFormat } from '../../core/render/video';
import { plannedVideo } from '../../core/scene/plan';
import type { ObjectInfo } from '../../core/storage/storage';
import { countOf } from '../../core/text';
import type { Reading } from '../output';
import { linesToOpen } from '../place';
import { formatMebibytes } from '../upload';
import { fetchObject, type FetchServices, isWhole, makeFolderOf } from './fetch';

/** What of a render is wanted. */
export interface Wanted {
  /** Frames of the plan, with their masters and the files of File Output nodes; empty for none. */
  readonly frames: ReadonlySet<number>;
  /** The video, or that with gaps. */
  readonly video: boolean;
  /** What else there is to look at: report, receipt, poster, contact sheet, preview. */
  readonly extras: boolean;
}

/** A file of a render that is there. */
interface WantedFile {
  /** Below the render's folder, not escaped: only names that the contract knows. */
  readonly name: string;
  readonly object: ObjectInfo;
  /** Of a frame's picture; a master has none. */
  readonly frame?: number;
  readonly isVideo?: boolean;
  readonly isReport?: boolean;
}

/** Files that are wanted and there, as they are listed: frames, masters, files of File Output nodes, then the rest. */
async function* wantedFiles(
  wanted: Wanted,
  render: Render,
  manifest: Pick<Manifest, 'options' | 'frameCount'>,
): AsyncGenerator<WantedFile> {
  // Each listing gives only names that `Render` knows, so that none leads out of the download's folder.
  const named = (object: ObjectInfo): WantedFile => ({
    name: decodeURIComponent(render.nameOf(object.url)),
    object,
  });
  if (wanted.frames.size > 0) {
    for await (const { object, frame } of render.frameFiles())
      if (wanted.frames.has(frame)) yield { ...named(object), frame };
    for await (const { object, frame } of render.masterFiles())
      if (wanted.frames.has(frame)) yield named(object);
    for await (const file of render.outputFiles())
      if (mayBeOfFrames(file, wanted.frames)) yield named(file.object);
  }
  if (wanted.video || wanted.extras) yield* others(wanted, render, plannedVideo(manifest));
}

async function* others(wanted: Wanted, render: Render, video: VideoFormat): AsyncGenerator<WantedFile> {
  const there = await render.ownFiles();
  const nameOf = (url: URL): string => render.nameOf(url);
  const [whole, withGaps] = [nameOf(render.videoUrl(video)), nameOf(render.partialVideoUrl(video))];
  // One with gaps beside one without is out of date.
  const film = there.has(whole) ? [whole] : [withGaps, nameOf(render.gaps.url)];
  const { reportUrl, receipt, posterUrl, contactSheetUrl, previewUrl } = render;
  const extras = [reportUrl, receipt.url, posterUrl, contactSheetUrl, previewUrl].map(nameOf);
  for (const name of [...(wanted.video ? film : []), ...(wanted.extras ? extras : [])]) {
    const object = there.get(name);
    const kind = {
      isVideo: name === whole || name === withGaps,
      isReport: name === nameOf(reportUrl),
    };
    if (object) yield { name, object, ...kind };
  }
}

/** Files that are looked at or fetched at a time. */
const AT_ONCE = 8;

/** What has become of a download so far. */
export interface Tally {
  /** Frames that lie in the directory whole, of those that are wanted. */
  readonly frames: Set<number>;
  /** Files fetched. */
  fetched: number;
  /** Files that were there already. */
  kept: number;
  /** Bytes fetched. */
  bytes: number;
  /** The video's name, once it lies in the directory whole. */
  video?: string;
  /** The same of the report. */
  report?: string;
}

export interface Download {
  readonly wanted: Wanted;
  readonly render: Render;
  readonly manifest: Manifest;
  /** Where files are put. */
  readonly directory: string;
  readonly services: Omit<FetchServices, 'onBytes'>;
  readonly onProgress: () => void;
}

/** Which version of each file is known to lie in the directory whole: those need no look when it goes on. */
export type KnownVersions = Map<string, string>;

/** Brings what is wanted and there, and not in the directory yet, from one listing. Throws what `fetchObject` throws. */
export async function downloadOnce(download: Download, tally: Tally, known: KnownVersions): Promise<void> {
  const { wanted, render, manifest, directory, services, onProgress } = download;
  const onBytes = (bytes: number): void => {
    tally.bytes += bytes;
    onProgress();
  };
  const bring = async (file: WantedFile): Promise<void> => {
    const version = versionOf(file.object);
    if (known.get(file.name) !== version) {
      const path = await makeFolderOf(directory, file.name);
      if (await isWhole(file.object, path)) {
        tally.kept += 1;
      } else {
        if (!(await fetchObject(file.object, path, { ...services, onBytes }))) return;
        tally.fetched += 1;
      }
      known.set(file.name, version);
    }
    if (file.frame !== undefined) tally.frames.add(file.frame);
    if (file.isVideo) tally.video = file.name;
    if (file.isReport) tally.report = file.name;
    onProgress();
  };
  await forEachConcurrently(wantedFiles(wanted, render, manifest), AT_ONCE, bring);
}

function versionOf({ size, etag, lastModified }: ObjectInfo): string {
  return `${size} ${etag ?? lastModified.toISOString()}`;
}

/** What has become of a download, for a program. */
export interface DownloadReport {
  readonly renderId: string;
  /** `partial`: something that was asked for is not there, or the video lacks frames or sound. */
  readonly state: 'complete' | 'partial';
  readonly folder: string;
  readonly directory: string;
  /** Files. */
  readonly fetched: number;
  /** Files that were there already. */
  readonly kept: number;
  /** That were fetched. */
  readonly bytes: number;
  readonly frames: { readonly wanted: number; readonly here: number };
  /** Frames that are not rendered (yet), such as `3,7-9`; empty for none. */
  readonly missing: string;
  /** Its path; absent where none was asked for. `null` where there is none (yet). */
  readonly video?: string | null;
  /** Path of the only frame of a still. */
  readonly picture?: string;
  readonly report?: string;
}

export function reportOf(
  { wanted, directory, manifest, render }: Pick<Download, 'wanted' | 'directory' | 'manifest' | 'render'>,
  tally: Tally,
): DownloadReport {
  const missing = missingFrames(wanted.frames, tally);
  const isVideoWanted = wanted.video && makesVideo(manifest);
  const hasWholeVideo = !isVideoWanted || (tally.video !== undefined && !hasGaps(tally.video));
  const { fetched, kept, bytes, video, report } = tally;
  const still = makesVideo(manifest) || manifest.frameCount > 1 ? undefined : manifest.frames[0]?.start;
  return {
    renderId: manifest.renderId,
    state: missing.length === 0 && hasWholeVideo ? 'complete' : 'partial',
    folder: render.location,
    directory,
    fetched,
    kept,
    bytes,
    frames: { wanted: wanted.frames.size, here: tally.frames.size },
    missing: formatFrameRanges(compressFrames(missing)),
    ...(isVideoWanted && { video: video === undefined ? null : join(directory, video) }),
    ...(still !== undefined &&
      tally.frames.has(still) && { picture: join(directory, 'frames', frameName(still)) }),
    ...(report !== undefined && { report: join(directory, report) }),
  };
}

export function makesVideo(manifest: Pick<Manifest, 'options' | 'frameCount'>): boolean {
  return plannedVideo(manifest) !== 'none';
}

/** Ascending. */
function missingFrames(wanted: ReadonlySet<number>, { frames }: Tally): number[] {
  return [...wanted].filter((frame) => !frames.has(frame));
}

function hasGaps(video: string): boolean {
  return video.includes('output.partial.');
}

/** The same for a person. */
export function describeDownload(report: DownloadReport, wanted: ReadonlySet<number>, tally: Tally): string {
  const { directory, frames, fetched, kept, bytes, video } = report;
  const missing = missingFrames(wanted, tally);
  const files = `${countOf(fetched, 'file')} downloaded (${formatMebibytes(bytes)}), ${kept} already complete`;
  return [
    frames.wanted > 0
      ? `${frames.here} of ${countOf(frames.wanted, 'frame')} ${frames.wanted === 1 ? 'is' : 'are'} in ${directory}: ${files}`
      : `${directory}: ${files}`,
    ...(missing.length > 0 ? [`missing so far: frames ${formatFrames(missing)}`] : []),
    ...videoLines(video),
    ...linesToOpen(report),
  ].join('\n');
}

function videoLines(video: DownloadReport['video']): string[] {
  if (video === undefined) return [];
  if (video === null) return ['no video yet'];
  return [
    hasGaps(video) ? `video that lacks frames or sound: ${video}; gaps.json names them` : `video: ${video}`,
  ];
}

/** How far a download of so many frames is; of a video alone, what has come of it. */
export function readingOfDownload(tally: Tally, wanted: number): Reading {
  const { frames, bytes } = tally;
  if (wanted === 0) return { total: 1, done: 0, count: formatMebibytes(bytes), note: '' };
  return {
    total: wanted,
    done: frames.size,
    count: `${frames.size} of ${countOf(wanted, 'frame')}`,
    note: `${formatMebibytes(bytes)} downloaded`,
  };
}
