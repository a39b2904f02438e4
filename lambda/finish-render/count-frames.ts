import { failuresFolder, manifestUrl } from '../../core/contract/keys';
import { failureSchema } from '../../core/contract/failure';
import { parseManifest, type Manifest } from '../../core/contract/manifest';
import type { Finding, RenderStatus } from '../../core/contract/status';
import { formatLocation } from '../../core/storage/location';
import { StorageError, type Storage } from '../../core/storage/storage';
import { storedFrames } from '../../core/storage/stored-frames';

/** Frames that `status.json` names; the rest is a number. */
const MOST_FRAMES = 100;

/** Frames whose reasons are looked up and told. */
const MOST_REASONS = 10;

const FAILURE_NAME = /^(-?\d{1,7})\.json$/;

export interface FrameCount {
  readonly frames?: RenderStatus['frames'];
  readonly findings: Finding[];
}

/**
 * How many frames of the plan are there, and which were given up, with the reasons of the first. A frame that was
 * stored after all does not count as failed. Without a manifest (submitted by hand) nothing can be counted.
 */
export async function countFrames(folder: URL, storage: Storage): Promise<FrameCount> {
  const manifest = await readManifest(folder, storage);
  if (!manifest) return { findings: [] };
  const stored = await storedFrames(manifest, folder, storage);
  const failures: Array<{ frame: number; url: URL }> = [];
  const failuresAt = failuresFolder(folder);
  for await (const { url } of storage.list(failuresAt)) {
    const frame = FAILURE_NAME.exec(url.pathname.slice(failuresAt.pathname.length))?.[1];
    if (frame !== undefined && !stored.has(Number(frame))) failures.push({ frame: Number(frame), url });
  }
  failures.sort((a, b) => a.frame - b.frame);
  const findings = await Promise.all(
    failures.slice(0, MOST_REASONS).map(async ({ frame, url }): Promise<Finding> => {
      const reason = await reasonOf(url, storage);
      return { code: 'frame-failed', frame, message: `frame ${frame}: ${reason}` };
    }),
  );
  const failedFrames = failures.slice(0, MOST_FRAMES).map(({ frame }) => frame);
  return {
    findings,
    frames: { total: manifest.frameCount, stored: stored.size, failed: failures.length, failedFrames },
  };
}

/** `undefined` where there is none. */
export async function readManifest(folder: URL, storage: Storage): Promise<Manifest | undefined> {
  const url = manifestUrl(folder);
  try {
    return parseManifest(await storage.get(url), formatLocation(url));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** What goes missing or wrong with a reason is no reason to tell nothing. */
async function reasonOf(url: URL, storage: Storage): Promise<string> {
  try {
    return failureSchema.parse(JSON.parse(Buffer.from(await storage.get(url)).toString('utf8'))).reason;
  } catch (error) {
    if (error instanceof StorageError && error.kind === 'passing') throw error;
    return 'no reason was noted';
  }
}
