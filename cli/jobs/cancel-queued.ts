import { describeHolder, isHolderAlive } from '../../core/batch/local/lock';
import { SpotreelError } from '../../core/errors';
import { isSameClaimant } from '../../core/processes/claim';
import { localHolder } from '../../core/render-state/local-holder';
import { filePath } from '../../core/storage/location';
import type { Storage } from '../../core/storage/storage';
import { queueAround, type QueueLook } from '../../core/upload-queue/look-at-queue';
import { cancelUrl, queueFolder } from '../../core/upload-queue/queue-files';
import type { Wait } from './render-jobs';

/** Seconds between two looks, and how long whoever watches the folder may take: workers finish frames that are nearly done. */
const LOOK_SECONDS = 0.2;
const MOST_SECONDS = 90;

/**
 * Has a render of a watch folder stopped, or taken out of its queue, whether somebody watches it now or will later; all else in
 * the queue goes on. `false` where it is no render of any. Throws `still-stopping` (passing) when it takes too long.
 */
export async function cancelQueued(folder: URL, storage: Storage, { say, pause }: Wait): Promise<boolean> {
  const { renderId, queue } = queueAround(folder);
  if (!queue || !isIn(queue, renderId, folder)) return false;
  const mark = cancelUrl(new URL('../', folder), renderId);
  await storage.put(mark, '');
  const { holder } = queue;
  if (!holder) return true;
  say(`asking ${describeHolder(holder)}, which watches the folder, to stop it`);
  const directory = filePath(queueFolder(new URL('../', folder)));
  for (let waited = 0; await storage.head(mark); waited += LOOK_SECONDS) {
    // The mark stays, and whoever watches next obeys it first.
    if (!isHolderAlive(directory, holder)) return true;
    if (waited >= MOST_SECONDS) {
      const message = `${describeHolder(holder)} was asked to stop ${renderId} ${MOST_SECONDS} s ago and has not: stop it by hand, or wait`;
      throw new SpotreelError('still-stopping', 'passing', message);
    }
    await pause(LOOK_SECONDS);
  }
  return true;
}

/** A version that another has taken the place of still renders to its end. */
function isIn({ waiting, holder }: QueueLook, renderId: string, folder: URL): boolean {
  if (waiting.includes(renderId)) return true;
  const own = localHolder(folder);
  return holder !== undefined && own !== undefined && isSameClaimant(own, holder);
}
