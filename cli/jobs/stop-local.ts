import type { LockHolder } from '../../core/batch/local/lock';
import { codeOf, SpotreelError } from '../../core/errors';
import { isProcessAlive } from '../../core/processes/process-identity';

/** Seconds between two looks, and how long a render may take to stop: it lets frames that are nearly done be finished. */
const LOOK_SECONDS = 0.2;
const MOST_SECONDS = 60;

/**
 * Asks the process that renders to stop (SIGTERM) and waits until it is gone. Throws `not-allowed` where it belongs to another user,
 * `still-stopping` (passing) when it takes too long.
 */
export async function stopLocal(
  { pid, startTime }: LockHolder,
  pause: (seconds: number) => Promise<unknown>,
): Promise<void> {
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
