import { basename } from 'node:path';
import { SpotreelError } from '../core/errors';
import { childUrl, filePath, formatLocation } from '../core/storage/location';
import type { ObjectHead, Storage } from '../core/storage/storage';
import type { Meter, Reading } from './meter';
import { formatSeconds } from './render-progress';

/** The folder below the bucket's uploads in which the command line puts scenes. */
const SUBMITTED = 'submitted';

/** Hex digits of a scene's hash in its folder's name: enough that no two scenes of a bucket meet. */
const HASH_DIGITS = 16;

/** Where an upload tells how it goes; `now` in milliseconds. */
export interface UploadView {
  readonly say: (text: string) => void;
  readonly meter: Meter;
  readonly now: () => number;
}

/**
 * The scene in the bucket: it is uploaded unless these very bytes lie there already. It lies two folders below the
 * uploads, where an object starts nothing by itself: whoever uploads it this way submits it too.
 */
export async function uploadScene(
  scene: ObjectHead,
  uploads: URL,
  storage: Storage,
  { say, meter, now }: UploadView,
): Promise<ObjectHead> {
  const path = filePath(scene.url);
  const target = childUrl(uploads, SUBMITTED, scene.etag.slice(0, HASH_DIGITS), basename(path));
  const there = await storage.head(target);
  if (there?.size === scene.size) {
    say(`${formatLocation(target)} is there already`);
    return there;
  }
  say(`uploading ${path} (${formatMebibytes(scene.size)}) to ${formatLocation(target)}`);
  const began = now();
  const onProgress = (bytes: number) => {
    // A scene that is there at once has no progress to show.
    if (bytes < scene.size) meter.show(readingOf(bytes, scene.size, (now() - began) / 1000));
  };
  try {
    await storage.upload(path, target, { onProgress });
  } finally {
    meter.stop();
  }
  const uploaded = await storage.head(target);
  if (uploaded?.size === scene.size) return uploaded;
  const message = `${formatLocation(target)} is not what was uploaded from ${path} (${uploaded?.size ?? 0} bytes); submit again`;
  throw new SpotreelError('upload-lost', 'passing', message);
}

/** How far an upload is that has gone on for so many seconds. */
export function readingOf(done: number, total: number, seconds: number): Reading {
  const left = done > 0 ? `about ${formatSeconds(((total - done) / done) * seconds)} left` : '';
  return { total, done, count: `${formatMebibytes(done)} of ${formatMebibytes(total)}`, note: left };
}

function formatMebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
