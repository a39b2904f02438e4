import { join } from 'node:path';
import type { Manifest } from '../../core/contract/manifest';
import { countOf } from '../../core/count-words';
import { plannedVideo } from '../../core/render/chosen-video';
import { compressFrames, formatFrameRanges, formatFrames } from '../../core/render/frame-range';
import { formatLocation } from '../../core/storage/location';
import type { Reading } from '../meter';
import { formatMebibytes } from '../upload-files';
import type { Download, Tally } from './download-render';

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
}

export function reportOf(
  { wanted, directory, manifest, folder }: Pick<Download, 'wanted' | 'directory' | 'manifest' | 'folder'>,
  tally: Tally,
): DownloadReport {
  const missing = missingFrames(wanted.frames, tally);
  const isVideoWanted = wanted.video && makesVideo(manifest);
  const isWhole = !isVideoWanted || (tally.video !== undefined && !hasGaps(tally.video));
  const { fetched, kept, bytes, video } = tally;
  return {
    renderId: manifest.renderId,
    state: missing.length === 0 && isWhole ? 'complete' : 'partial',
    folder: formatLocation(folder),
    directory,
    fetched,
    kept,
    bytes,
    frames: { wanted: wanted.frames.size, here: tally.frames.size },
    missing: formatFrameRanges(compressFrames(missing)),
    ...(isVideoWanted && { video: video === undefined ? null : join(directory, video) }),
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
  const files = `${countOf(fetched, 'file')} fetched (${formatMebibytes(bytes)}), ${kept} there already`;
  return [
    frames.wanted > 0
      ? `${frames.here} of ${countOf(frames.wanted, 'frame')} ${frames.wanted === 1 ? 'is' : 'are'} in ${directory}: ${files}`
      : `${directory}: ${files}`,
    ...(missing.length > 0 ? [`not there (yet): frames ${formatFrames(missing)}`] : []),
    ...videoLines(video),
  ].join('\n');
}

function videoLines(video: DownloadReport['video']): string[] {
  if (video === undefined) return [];
  if (video === null) return ['there is no video (yet)'];
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
    note: `${formatMebibytes(bytes)} fetched`,
  };
}
