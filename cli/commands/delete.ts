import { describeHolder } from '../../core/batch/local/lock';
import { SpotreelError } from '../../core/errors';
import { printable } from '../../core/printable';
import { isGoingHere } from '../../core/render-state/is-going-here';
import { localHolder } from '../../core/render-state/local-holder';
import { formatLocation } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import type { Storage } from '../../core/storage/storage';
import { countOf } from '../../core/count-words';
import { storedFrames } from '../../core/storage/stored-frames';
import { confirm } from '../confirm';
import { deleteRender } from '../jobs/delete-render';
import { livingJobs } from '../jobs/render-jobs';
import { createMeter } from '../meter';
import { findFolder, findPlace, type Place, type PlaceFlags } from '../place';

export interface DeleteFlags extends PlaceFlags {
  readonly yes?: boolean;
}

/** `spotreel delete RENDERID`: everything of a render, for good. Gives the exit code. */
export async function deleteCommand(renderId: string, flags: DeleteFlags): Promise<number> {
  const storage = openStorage();
  const place = await findPlace(flags);
  const { folder, manifest } = await findFolder(renderId, place, storage);
  await refuseRunning(renderId, folder, place, storage);
  if (!flags.yes) {
    const frames = manifest
      ? ` with ${countOf((await storedFrames(manifest, folder, storage)).size, 'frame')}`
      : '';
    if (!(await confirm(`delete ${formatLocation(folder)}${frames}, for good?`))) {
      say('nothing was deleted');
      return 1;
    }
    // The question may have stood there for a while.
    await refuseRunning(renderId, folder, place, storage);
  }
  const meter = createMeter(process.stderr, Date.now);
  try {
    const total = manifest?.frameCount ?? 0;
    const count = await deleteRender(folder, storage, (done) =>
      meter.show({ total: Math.max(total, done), done, count: `${done} objects deleted`, note: '' }),
    );
    say(`${renderId} is deleted: ${count} ${count === 1 ? 'file' : 'files'}`);
  } finally {
    meter.stop();
  }
  return 0;
}

async function refuseRunning(
  renderId: string,
  folder: URL,
  { batch, farm }: Place,
  storage: Storage,
): Promise<void> {
  const isRunning = batch
    ? (await livingJobs({ renderId, folder, storage, batch, farm })).length > 0
    : folder.protocol === 'file:' && isGoingHere(folder);
  if (!isRunning) return;
  const holder = batch ? undefined : localHolder(folder);
  const message =
    holder && !holder.isHere
      ? `${renderId} is in use by ${describeHolder(holder)}: stop it there first (spotreel cancel ${renderId})`
      : `${renderId} is running, or in a queue: stop it first (spotreel cancel ${renderId})`;
  throw new SpotreelError('running', 'usage', message);
}

function say(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}
