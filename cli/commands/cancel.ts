import { describeHolder } from '../../core/batch/local/lock';
import { SpotreelError } from '../../core/errors';
import { printable } from '../../core/printable';
import { localBatchFolder, localHolder } from '../../core/render-state/local-holder';
import { countOf } from '../../core/count-words';
import { formatLocation } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import type { Storage } from '../../core/storage/storage';
import { storedFrames } from '../../core/storage/stored-frames';
import { queueAround } from '../../core/upload-queue/look-at-queue';
import { cancelQueued } from '../jobs/cancel-queued';
import { cancelJobs, usualPause } from '../jobs/render-jobs';
import { stopLocal } from '../jobs/stop-local';
import { findFolder, findPlace, type PlaceFlags } from '../place';

/** `spotreel cancel RENDERID`: nothing of it runs any more when this ends with 0. Gives the exit code. */
export async function cancelCommand(renderId: string, flags: PlaceFlags): Promise<number> {
  const storage = openStorage();
  const place = await findPlace(flags);
  const { folder, manifest } = await findFolder(renderId, place, storage);
  let stopped: boolean;
  if (place.batch) {
    const { batch, farm } = place;
    const render = { renderId, folder, storage, batch, farm };
    stopped = (await cancelJobs(render, { say, pause: usualPause })) > 0;
  } else {
    stopped = await cancelLocal(folder, storage);
  }
  const goOn = place.batch ? 'submit' : 'render';
  const again = queueAround(folder).queue
    ? 'dropped into the watch folder again, the scene'
    : `"spotreel ${goOn}" of the same scene`;
  say(`${renderId} ${stopped ? 'is cancelled' : 'was not running'}`);
  if (!manifest) return 0;
  const kept = (await storedFrames(manifest, folder, storage)).size;
  say(
    `kept: ${kept} of ${countOf(manifest.frameCount, 'frame')} in ${formatLocation(folder)}; ${again} goes on from there`,
  );
  return 0;
}

async function cancelLocal(folder: URL, storage: Storage): Promise<boolean> {
  if (folder.protocol !== 'file:') throw noBatch(folder);
  if (await cancelQueued(folder, storage, { say, pause: usualPause })) return true;
  const holder = localHolder(folder);
  if (!holder) return false;
  say(`stopping ${describeHolder(holder)}`);
  await stopLocal(localBatchFolder(folder), holder, usualPause);
  return true;
}

function noBatch(folder: URL): SpotreelError {
  const message = `nobody can be asked who renders into ${formatLocation(folder)}; give s3://… or a folder of this machine`;
  return new SpotreelError('bad-usage', 'usage', message);
}

function say(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}
