import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { forEachConcurrently } from '../../core/concurrency';
import { SpotreelError } from '../../core/errors';
import { livingJobs } from '../../core/jobs/cancel';
import { describeHolder } from '../../core/local-batch/lock';
import type { Render } from '../../core/render/render';
import { localHolder } from '../../core/status/facts';
import { hasEnded } from '../../core/status/look';
import { fileError } from '../../core/storage/file-writes';
import { openStorage } from '../../core/storage/open-storage';
import { filePath } from '../../core/storage/storage';
import { countOf } from '../../core/text';
import { explain, type Run, withPlaceOptions, withRenderId } from '../help';
import { confirm, createMeter, say } from '../output';
import { findFolder, findPlace, type Place, type PlaceFlags } from '../place';

/** Objects that are deleted at a time, one request each. */
const AT_ONCE = 16;

/**
 * Deletes everything below the render's folder, and a folder on disk itself; removes links and does not follow them.
 * Deletes the plan last, so that an interrupted delete can be repeated. `onDeleted` gets the number of deleted
 * objects.
 */
async function deleteRender(render: Render, onDeleted: (count: number) => void): Promise<number> {
  const { manifest: plan, storage } = render;
  if (render.folder.protocol === 'file:')
    return deleteFolder(filePath(render.folder), render.nameOf(plan.url));
  let count = 0;
  await forEachConcurrently(render.files(), AT_ONCE, async ({ url }) => {
    if (url.href === plan.url.href) return;
    await storage.delete(url);
    onDeleted((count += 1));
  });
  await plan.delete();
  return count + 1;
}

async function deleteFolder(path: string, plan: string): Promise<number> {
  try {
    const names = await readdir(path, { recursive: true, withFileTypes: true });
    const count = names.filter((entry) => !entry.isDirectory()).length;
    for (const name of await readdir(path)) {
      if (name !== plan) await rm(join(path, name), { recursive: true, force: true });
    }
    await rm(path, { recursive: true, force: true });
    return count;
  } catch (error) {
    throw fileError(error, path, 'write');
  }
}

interface DeleteFlags extends PlaceFlags {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `spotreel delete RENDERID`: deletes all files of a render. Returns the exit code. */
export async function deleteCommand(renderId: string, flags: DeleteFlags): Promise<number> {
  const storage = openStorage();
  const place = await findPlace(flags);
  const { render, manifest } = await findFolder(renderId, place, storage);
  await refuseRunning(render, place);
  if (!flags.yes) {
    const frames = manifest ? ` with ${countOf((await render.storedFrames(manifest)).size, 'frame')}` : '';
    if (!(await confirm(`delete ${render.location}${frames}, for good?`))) {
      say('nothing was deleted');
      if (flags.json) process.stdout.write(`${JSON.stringify({ renderId, deleted: false, files: 0 })}\n`);
      return 1;
    }
    // The user may have answered late: check again.
    await refuseRunning(render, place);
  }
  const meter = createMeter(process.stderr, Date.now);
  try {
    const total = manifest?.frameCount ?? 0;
    const count = await deleteRender(render, (done) =>
      meter.show({ total: Math.max(total, done), done, count: `${done} objects deleted`, note: '' }),
    );
    say(`${renderId} is deleted: ${count} ${count === 1 ? 'file' : 'files'}`);
    if (flags.json) process.stdout.write(`${JSON.stringify({ renderId, deleted: true, files: count })}\n`);
  } finally {
    meter.stop();
  }
  return 0;
}

async function refuseRunning(render: Render, { batch, farm }: Place): Promise<void> {
  const { renderId } = render;
  const isRunning = batch
    ? (await livingJobs({ render, batch, farm })).length > 0
    : render.folder.protocol === 'file:' && !(await hasEnded({ render, now: Date.now }));
  if (!isRunning) return;
  const holder = batch ? undefined : localHolder(render);
  const message =
    holder && !holder.isHere
      ? `${renderId} is in use by ${describeHolder(holder)}: stop it there first (spotreel cancel ${renderId})`
      : `${renderId} is running, or in a queue: stop it first (spotreel cancel ${renderId})`;
  throw new SpotreelError('running', 'usage', message);
}

export function addDelete(command: Command, run: Run): void {
  withRenderId(command)
    .option('-y, --yes', 'do not ask for confirmation')
    .option('--json', 'print the result as one JSON object')
    .action((renderId: string, flags: DeleteFlags) => run(async () => deleteCommand(renderId, flags)));
  explain(withPlaceOptions(command), {
    notes:
      'Delete refuses a running render; cancel it first. The scene is kept. ' +
      'A versioned bucket keeps deleted files for 30 days.',
    exitCodes: [
      [0, 'deleted'],
      [1, 'failed, or not confirmed'],
      [2, 'wrong usage, or the render runs'],
    ],
    examples: ['spotreel delete shot-1a2b3c4d', 'spotreel delete shot-1a2b3c4d --yes -o renders'],
  });
}
