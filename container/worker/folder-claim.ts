import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FolderClock, livingClaims, putClaim, refreshClaim, type Claim } from '../../core/processes/claim';

/** How often a holder refreshes its claim, and how long the others believe it. */
const BEAT_SECONDS = 2;
const LOOK = { staleSeconds: 20, remove: true };

const POLL_MS = 50;

/** The sole right to a folder, held for a while. */
export interface FolderClaim {
  release(): Promise<void>;
}

/**
 * Waits until this is the only claim on `directory`, among processes that see the folder, also out of other containers;
 * gives `undefined` as soon as `isSettled` says that none is needed any more.
 * What a killed process held falls to the next one: at once if it ran in this container, else after 20 seconds without a refresh.
 *
 * Each puts down a claim of its own and then looks for others: of two at least one sees the other. Who sees an earlier one
 * takes its own back and waits; who sees only later ones stays until those are gone. No two hold it, and the earliest never gives way.
 */
export async function claimFolder(
  directory: string,
  isSettled: () => Promise<boolean>,
): Promise<FolderClaim | undefined> {
  await mkdir(directory, { recursive: true });
  const clock = new FolderClock(directory);
  for (;;) {
    const own = putClaim(directory);
    const beat = setInterval(() => refresh(join(directory, own.name)), BEAT_SECONDS * 1000);
    const release = async (): Promise<void> => {
      clearInterval(beat);
      await rm(join(directory, own.name), { force: true });
    };
    try {
      if (await standsAlone(directory, clock, own, isSettled)) return { release };
    } catch (error) {
      await release();
      throw error;
    }
    await release();
    do {
      if (await isSettled()) return undefined;
      await sleep(POLL_MS);
    } while (livingClaims(directory, clock, LOOK).length > 0);
  }
}

/**
 * Waits while the others are later ones; `false` as soon as there is an earlier one, or all is settled: one that was put down
 * in the same millisecond may count as later and hold the folder already.
 */
async function standsAlone(
  directory: string,
  clock: FolderClock,
  own: Claim,
  isSettled: () => Promise<boolean>,
): Promise<boolean> {
  for (;;) {
    const others = livingClaims(directory, clock, LOOK).filter(({ name }) => name !== own.name);
    if (others.length === 0) return true;
    if (others.some(({ name }) => name < own.name) || (await isSettled())) return false;
    await sleep(POLL_MS);
  }
}

function refresh(path: string): void {
  try {
    refreshClaim(path);
  } catch {
    // A claim that cannot be refreshed becomes stale.
  }
}
