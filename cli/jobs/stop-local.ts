import { join } from 'node:path';
import { describeHolder, isHolderProven, type LockHolder } from '../../core/batch/local/lock';
import { codeOf, SpotreelError } from '../../core/errors';
import { isProcessAlive } from '../../core/processes/process-identity';

/** Seconds between two looks, and how long a render may take to stop: it lets frames that are nearly done be finished. */
const LOOK_SECONDS = 0.2;
const MOST_SECONDS = 60;

/**
 * Asks the process that has `directory` to stop (SIGTERM) and waits until it is gone. Only a process of this machine that is proven
 * to be the holder gets a signal. Node has no pidfd_send_signal(2), so the id could be used again between the proof and the signal;
 * nothing happens in between.
 *
 * Throws `not-here` for a process of another machine, `not-proven` where anybody may have written the claim, `not-allowed` for a
 * process of another user, `still-stopping` (passing) when it takes too long.
 */
export async function stopLocal(
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
      `a claim in ${join(directory, 'lock')} names process ${pid}, which is not proven to be Spotreel's, so it gets no signal; ` +
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
    if (waited >= MOST_SECONDS) {
      const message = `process ${pid} was asked to stop ${MOST_SECONDS} s ago and still runs: stop it by hand (kill ${pid}) or wait`;
      throw new SpotreelError('still-stopping', 'passing', message);
    }
    await pause(LOOK_SECONDS);
  }
}
