import { MOST_MISSING_FILES, type MissingFiles } from '../contract/missing-files';
import type { SliceReport } from '../contract/slice-report';

/** What the frames of these slices were rendered without, each frame as it was rendered last. Pure. */
export function lackingOf(slices: readonly SliceReport[]): MissingFiles | undefined {
  const attempts = slices.flatMap(({ attempts: all }) => all);
  const latest = new Map(
    attempts.flatMap((attempt) => attempt.frames.map((one) => [one.frame, { ...one, attempt }])),
  );
  const lacking = [...latest.values()].filter(({ lacks }) => lacks);
  if (lacking.length === 0) return undefined;
  const concerned = [...new Set(lacking.map(({ attempt }) => attempt))];
  const files = new Set(concerned.flatMap(({ missingFiles = [] }) => missingFiles));
  // An attempt that did not name all of them leaves unknown which frames lack the rest.
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
