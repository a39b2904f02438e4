import { basename } from 'node:path';
import { findLockHolder, type LockHolder } from '../batch/local/lock';
import { parseJson } from '../contract/parse-json';
import { codeOf } from '../errors';
import { filePath } from '../storage/location';
import { readRegularFile } from '../storage/regular-file';
import { queueFolder, queueUrl } from './queue-files';
import { uploadQueueSchema } from './upload-queue';

/** The queue of a watch folder, as anybody may see it. */
export interface QueueLook {
  /** The process that works on it; absent where none does. */
  readonly holder?: LockHolder | undefined;
  /** Ids of renders that have not ended, the earliest first; the first may be running. */
  readonly waiting: readonly string[];
}

/** `undefined` where nobody ever watched; only looks. */
export function lookAtQueue(output: URL): QueueLook | undefined {
  if (output.protocol !== 'file:') return undefined;
  const waiting = readWaiting(output);
  // After the queue: who lets go of it has written all of it.
  const holder = findLockHolder(filePath(queueFolder(output)));
  return holder || waiting ? { holder, waiting: waiting ?? [] } : undefined;
}

/** How many renders are to come before this one; `undefined` where it is in no queue, or nobody works on that. Pure. */
export function turnOf(renderId: string, queue: QueueLook | undefined): number | undefined {
  const turn = queue?.holder ? queue.waiting.indexOf(renderId) : -1;
  return turn < 0 ? undefined : turn;
}

/** The queue that a render's own folder would be in, and the render's name in it. In a bucket there is none. */
export function queueAround(folder: URL): { readonly renderId: string; readonly queue?: QueueLook } {
  const queue = lookAtQueue(new URL('../', folder));
  return { renderId: decodeURIComponent(basename(folder.pathname)), ...(queue && { queue }) };
}

function readWaiting(output: URL): string[] | undefined {
  try {
    const bytes = readRegularFile(filePath(queueUrl(output)));
    const { uploads } = parseJson(uploadQueueSchema, bytes, (reason) => new SyntaxError(reason));
    return uploads
      .filter(({ state }) => state === 'waiting')
      .flatMap(({ renderId, more = [] }) => [renderId, ...more]);
  } catch (error) {
    // As the watch folder itself does, a queue that cannot be read counts as none.
    if (error instanceof SyntaxError || codeOf(error) !== undefined) return undefined;
    throw error;
  }
}
