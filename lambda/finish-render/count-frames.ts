import { manifestUrl } from '../../core/contract/keys';
import { parseManifest, type Manifest } from '../../core/contract/manifest';
import type { Finding, RenderStatus } from '../../core/contract/status';
import { formatLocation } from '../../core/storage/location';
import { describeReasons } from '../../core/render-state/reasons';
import { readFailures } from '../../core/storage/read-failures';
import { StorageError, type Storage } from '../../core/storage/storage';
import { storedFrames } from '../../core/storage/stored-frames';

/** Failed frames that are findings. */
const MOST_REASONS = 10;

/** Frames that `status.json` names; the rest is a number. */
const MOST_FRAMES = 100;

export interface FrameCount {
  readonly frames?: RenderStatus['frames'];
  readonly findings: Finding[];
  /** Why frames failed, in one line. */
  readonly why?: string | undefined;
}

/**
 * How many frames of the plan are there, and which were given up, with the reasons of the first. Without a manifest
 * (submitted by hand) nothing can be counted.
 */
export async function countFrames(folder: URL, storage: Storage): Promise<FrameCount> {
  const manifest = await readManifest(folder, storage);
  if (!manifest) return { findings: [] };
  const stored = await storedFrames(manifest, folder, storage);
  const failed = await readFailures(stored, folder, storage);
  return {
    why: describeReasons(failed.first, failed.frames.length),
    findings: failed.first.slice(0, MOST_REASONS).map(({ frame, reason }) => ({
      code: 'frame-failed',
      frame,
      message: `frame ${frame}: ${reason}`,
    })),
    frames: {
      total: manifest.frameCount,
      stored: stored.size,
      failed: failed.frames.length,
      failedFrames: failed.frames.slice(0, MOST_FRAMES),
    },
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
