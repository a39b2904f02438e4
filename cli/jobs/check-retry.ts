import { inUse } from '../../core/batch/local/lock';
import type { Manifest } from '../../core/contract/manifest';
import { SpotreelError } from '../../core/errors';
import { localBatchFolder, localHolder } from '../../core/render-state/local-holder';
import type { RenderState } from '../../core/render-state/render-state';
import { parseLocation } from '../../core/storage/location';
import type { Storage } from '../../core/storage/storage';

/** Throws `running` while there is more to come, and where AWS Batch does not say whether there is. */
export function refuseRunning({ renderId, state, ended, fault }: RenderState): void {
  if (ended) return;
  const message =
    fault === undefined
      ? `${renderId} has not ended (${state}): wait for it, or stop it first (spotreel cancel ${renderId})`
      : `nobody can say whether ${renderId} has ended: ${fault}`;
  throw new SpotreelError('running', fault === undefined ? 'usage' : 'passing', message);
}

/** Throws `locked` while a process of another machine has the render's folder. */
export function refuseHeldElsewhere(folder: URL): void {
  const holder = localHolder(folder);
  if (holder && !holder.isHere) throw inUse(localBatchFolder(folder), holder);
}

/** Throws `scene-changed` where the scene is not the one any more that the other frames are of. */
export async function refuseChangedScene({ renderId, source }: Manifest, storage: Storage): Promise<void> {
  const head = await storage.head(parseLocation(source.url, process.cwd()));
  if (head?.etag === source.etag) return;
  const what = head ? 'is not the file any more that' : 'is gone, and';
  const message = `${source.url} ${what} ${renderId} was planned from: put that one back, or render it as it is now, which is another render`;
  throw new SpotreelError('scene-changed', 'usage', message);
}
