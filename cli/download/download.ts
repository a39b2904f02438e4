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
import { formatMebibytes } from '../upload/upload-files';
import { fetchObject, type FetchServices, isWhole, makeFolderOf } from './fetch';

/** The files that the user wants. */
export interface Wanted {
  /** Frames of the plan, with their masters and File Output files; empty for none. */
  readonly frames: ReadonlySet<number>;
  /** The video, or the partial one. */
  readonly video: boolean;
  /** Report, receipt, poster, contact sheet, preview. */
  readonly extras: boolean;
}

/** An existing file of a render. */
interface WantedFile {
  /** Relative to the render's folder, not escaped; always a name that `Render` knows. */
  readonly name: string;
  readonly object: ObjectInfo;
  /** Set for frames only, not for masters. */
  readonly frame?: number;
  readonly isVideo?: boolean;
  readonly isReport?: boolean;
}

/** Lists wanted files: frames, masters, File Output files, then others. */
async function* wantedFiles(
  wanted: Wanted,
  render: Render,
  manifest: Pick<Manifest, 'options' | 'frameCount'>,
): AsyncGenerator<WantedFile> {
  // `Render` lists only names that it knows, so none leads out of the download's folder.
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
  // A partial video beside a complete one is out of date.
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

/** Files that are compared or downloaded at a time. */
const AT_ONCE = 8;

/** The progress of a download. */
export interface Tally {
  /** Wanted frames that are complete in the directory. */
  readonly frames: Set<number>;
  /** Downloaded files. */
  fetched: number;
  /** Files that were already complete. */
  kept: number;
  /** Downloaded bytes. */
  bytes: number;
  /** Name of the video once it is complete in the directory. */
  video?: string;
  /** Name of the report once it is complete. */
  report?: string;
}

export interface Download {
  readonly wanted: Wanted;
  readonly render: Render;
  readonly manifest: Manifest;
  /** Target folder. */
  readonly directory: string;
  readonly services: Omit<FetchServices, 'onBytes'>;
  readonly onProgress: () => void;
}

/** Versions of files that are complete in the directory; they need no further check. */
export type KnownVersions = Map<string, string>;

/** Downloads missing files from one listing. Throws what `fetchObject` throws. */
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

/** The result of a download as JSON. */
export interface DownloadReport {
  readonly renderId: string;
  /** `partial`: a requested file does not exist, or the video lacks frames or sound. */
  readonly state: 'complete' | 'partial';
  readonly folder: string;
  readonly directory: string;
  /** Downloaded files. */
  readonly fetched: number;
  /** Files that were already complete. */
  readonly kept: number;
  /** Downloaded bytes. */
  readonly bytes: number;
  readonly frames: { readonly wanted: number; readonly here: number };
  /** Frames that are not rendered yet, such as `3,7-9`; empty for none. */
  readonly missing: string;
  /** Its path; absent if not requested, `null` if it does not exist yet. */
  readonly video?: string | null;
  /** Path of the frame of a still. */
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

/** The result of a download for a person. */
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

/** The progress of a download of so many frames, or of a video only. */
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
