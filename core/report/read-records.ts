import { failureSchema, type FrameFailure } from '../contract/failure';
import { failureUrl, slicesFolder } from '../contract/keys';
import type { Manifest } from '../contract/manifest';
import { sliceReportSchema, type SliceReport } from '../contract/slice-report';
import { mapConcurrently } from '../map-concurrently';
import { framesOf } from '../render/frame-range';
import { outputNodes } from '../storage/output-nodes';
import { readRecord } from '../storage/read-record';
import type { Storage } from '../storage/storage';
import type { RenderRecords } from './report-figures';

/** Small objects that are fetched at a time; AWS Batch's most, 10,000 slices, take some 20 seconds so. */
const AT_ONCE = 16;

/** Missing frames whose reasons are read; a page names no more. */
const MOST_REASONS = 500;

/**
 * What a render left in its folder, for its report. `there` are the frames that are whole. A record that can't be read is
 * left out: a report of most is better than none.
 */
export async function readRecords(
  manifest: Manifest,
  render: URL,
  there: ReadonlySet<number>,
  storage: Storage,
): Promise<RenderRecords> {
  const absent = [...framesOf(manifest.frames)].filter((frame) => !there.has(frame));
  const failures = await mapConcurrently(absent.slice(0, MOST_REASONS), AT_ONCE, (frame) =>
    readRecord(failureSchema, failureUrl(render, frame), storage),
  );
  const missing = absent.map((frame, i) => ({ frame, ...failureOf(failures[i]) }));
  const outputs = await outputNodes(render, storage);
  return {
    manifest,
    slices: await readSlices(render, storage),
    missing,
    ...(outputs.length > 0 && { outputs }),
  };
}

function failureOf(failure: FrameFailure | undefined): { readonly failure?: FrameFailure } {
  return failure ? { failure } : {};
}

/** What the slices noted, ascending; one that can’t be read is left out. */
export async function readSlices(render: URL, storage: Storage): Promise<SliceReport[]> {
  const urls: URL[] = [];
  for await (const { url } of storage.list(slicesFolder(render))) urls.push(url);
  const reports = await mapConcurrently(urls, AT_ONCE, (url) => readRecord(sliceReportSchema, url, storage));
  return reports.filter((report) => report !== undefined).toSorted((a, b) => a.slice - b.slice);
}
