import { join } from 'node:path';
import type { Command } from 'commander';
import { codeOf, SpotreelError } from '../../core/errors';
import { cancelJobs, usualPause, type Wait } from '../../core/jobs/cancel';
import { describeHolder, isHolderAlive, isHolderProven, type LockHolder } from '../../core/local-batch/lock';
import { isProcessAlive, isSameClaimant } from '../../core/processes/claim';
import type { Render } from '../../core/render/render';
import { localHolder } from '../../core/status/facts';
import { openStorage } from '../../core/storage/open-storage';
import { filePath } from '../../core/storage/storage';
import { countOf } from '../../core/text';
import { cancelUrl, queueAround, queueFolder, type QueueLook } from '../../core/watch-folder/queue';
import { explain, type Run, withPlaceOptions, withRenderId } from '../help';
import { findFolder, findPlace, type PlaceFlags } from '../place';
import { say } from '../output';

/** Seconds between two checks, and the longest wait: workers first finish frames that are nearly done. */
const LOOK_SECONDS = 0.2;
const MOST_SECONDS = 90;

/**
 * Stops a render of a watch folder or removes it from the queue; other renders continue. `false` for a render of
 * another place. Throws `still-stopping` (passing) if it takes too long.
 */
async function cancelQueued(render: Render, { pause }: Pick<Wait, 'pause'>): Promise<boolean> {
  const { output, renderId, storage } = render;
  const queue = queueAround(render);
  if (!queue || !isIn(queue, render)) return false;
  const mark = cancelUrl(output, renderId);
  await storage.put(mark, '');
  const { holder } = queue;
  if (!holder) return true;
  say(`asking ${describeHolder(holder)}, which watches the folder, to stop it`);
  const directory = filePath(queueFolder(output));
  for (let waited = 0; await storage.head(mark); waited += LOOK_SECONDS) {
    // The mark stays: the next process that watches the folder obeys it first.
    if (!isHolderAlive(directory, holder)) return true;
    if (waited >= MOST_SECONDS) {
      const message = `${describeHolder(holder)} has not stopped ${renderId} after ${MOST_SECONDS} s: wait, or stop that process by hand`;
      throw new SpotreelError('still-stopping', 'passing', message);
    }
    await pause(LOOK_SECONDS);
  }
  return true;
}

/** A render whose scene has a newer version still runs to its end. */
function isIn({ waiting, holder }: QueueLook, render: Render): boolean {
  if (waiting.includes(render.renderId)) return true;
  const own = localHolder(render);
  return holder !== undefined && own !== undefined && isSameClaimant(own, holder);
}

const MOST_STOP_SECONDS = 60;

/**
 * Sends SIGTERM to the process that holds `directory`, if it is proven to be the holder, and waits for its end.
 * Throws `not-here` (another machine), `not-proven`, `not-allowed` (another user), `still-stopping` (passing). Node
 * has no pidfd_send_signal(2), so nothing runs between the proof and the signal.
 */
async function stopLocal(
  directory: string,
  holder: LockHolder,
  pause: (seconds: number) => Promise<unknown>,
): Promise<void> {
  const { pid, startTime } = holder;
  if (!holder.isHere) {
    const message = `${directory} is in use by ${describeHolder(holder)}; run "spotreel cancel" on that machine, or stop the process there`;
    throw new SpotreelError('not-here', 'usage', message);
  }
  if (!isHolderProven(directory, holder)) {
    if (!isProcessAlive(pid, startTime)) return;
    const message =
      `a claim in ${join(directory, 'lock')} names process ${pid}, but Spotreel cannot prove that it started this process, and does not stop it; ` +
      `if it renders, stop it by hand (kill ${pid}), else delete the claim ${holder.name}`;
    throw new SpotreelError('not-proven', 'usage', message);
  }
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return;
    const message = `process ${pid}, which renders, belongs to another user: stop it as that user`;
    throw new SpotreelError('not-allowed', 'usage', message, { cause: error });
  }
  for (let waited = 0; isProcessAlive(pid, startTime); waited += LOOK_SECONDS) {
    if (waited >= MOST_STOP_SECONDS) {
      const message = `process ${pid} has not stopped after ${MOST_STOP_SECONDS} s: wait, or stop it by hand (kill ${pid})`;
      throw new SpotreelError('still-stopping', 'passing', message);
    }
    await pause(LOOK_SECONDS);
  }
}

interface CancelFlags extends PlaceFlags {
  readonly json?: boolean;
}

/** `spotreel cancel RENDERID`: ends with 0 once no job of the render runs. Returns the exit code. */
export async function cancelCommand(renderId: string, flags: CancelFlags): Promise<number> {
  const storage = openStorage();
  const place = await findPlace(flags);
  const { render, manifest } = await findFolder(renderId, place, storage);
  let stopped: boolean;
  if (place.batch) {
    const { batch, farm } = place;
    stopped = (await cancelJobs({ render, batch, farm }, { say, pause: usualPause })) > 0;
  } else {
    stopped = await cancelLocal(render);
  }
  const resume = place.batch ? 'submit' : 'render';
  const again = queueAround(render)
    ? 'drop the scene into the watch folder again'
    : `run "spotreel ${resume}" with the same scene`;
  say(`${renderId} ${stopped ? 'is cancelled' : 'was not running'}`);
  const kept = manifest && (await render.storedFrames(manifest)).size;
  if (manifest)
    say(
      `kept: ${kept} of ${countOf(manifest.frameCount, 'frame')} in ${render.location}; to resume, ${again}`,
    );
  if (flags.json) {
    const frames = manifest && { stored: kept, total: manifest.frameCount };
    process.stdout.write(`${JSON.stringify({ renderId, stopped, folder: render.location, frames })}\n`);
  }
  return 0;
}

async function cancelLocal(render: Render): Promise<boolean> {
  if (render.folder.protocol !== 'file:') throw noBatch(render);
  if (await cancelQueued(render, { pause: usualPause })) return true;
  const holder = localHolder(render);
  if (!holder) return false;
  say(`stopping ${describeHolder(holder)}`);
  await stopLocal(render.localBatchFolder, holder, usualPause);
  return true;
}

function noBatch({ location }: Render): SpotreelError {
  const message = `cannot determine which process renders into ${location}; give s3://… or a folder of this machine`;
  return new SpotreelError('bad-usage', 'usage', message);
}

export function addCancel(command: Command, run: Run): void {
  withRenderId(command)
    .option('--json', 'print the result as one JSON object')
    .action((renderId: string, flags: CancelFlags) => run(async () => cancelCommand(renderId, flags)));
  explain(withPlaceOptions(command), {
    notes:
      'On a farm, cancel terminates all jobs of the render and waits up to 10 minutes until they end. ' +
      'On this machine, it asks the process that renders to stop. ' +
      'To resume, submit or render the same scene again.',
    exitCodes: [
      [0, 'no job of the render runs'],
      [1, 'could not be stopped, or has not stopped yet'],
      [2, 'wrong usage'],
    ],
    examples: ['spotreel cancel shot-1a2b3c4d', 'spotreel cancel shot-1a2b3c4d -o s3://bucket/renders'],
  });
}
