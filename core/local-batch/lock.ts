import { closeSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, SpotreelError } from '../errors';
import {
  FolderClock,
  isProcessAlive,
  isProvenHolder,
  type LivingClaim,
  livingClaims,
  putClaim,
  refreshClaim,
  thisWorld,
} from '../processes/claim';
import { openRegularFile } from '../storage/file-storage';
import { fileError, makeFolder } from '../storage/file-writes';

export interface Lock {
  /** Aborted when the claim is missing: another machine took the directory over, or it was deleted. */
  readonly lost: AbortSignal;
  /** The second call has no effect. */
  release(): void;
}

/** A holder refreshes its claim every 5 seconds. Other machines take the directory over 60 seconds after the last refresh. */
const BEAT_SECONDS = 5;
const STALE_SECONDS = 60;

/** How long the earliest claim waits until later claims step back. */
const STEP_BACK_MS = 5_000;
const POLL_MS = 20;

/** A claim's file is missing, or something else has its name. */
const GONE = new Set(['ENOENT', 'ESTALE', 'ELOOP', 'ENXIO', 'EISDIR', 'ENOTDIR']);

/**
 * Makes this process the only user of `directory`, also among machines that share it over a network. Claims of dead processes of this
 * machine do not count; claims of other machines or containers count until 60 seconds after their last refresh.
 *
 * Each process first writes its own claim and then looks for others, so of two processes at least one sees the other. The later claim
 * steps back. No claim's name is used twice, so removing a stale claim cannot remove a new one, as it could with a single lock file.
 *
 * @throws SpotreelError `locked` if a living process (this one included) has the directory, `denied` if it cannot be written.
 */
export async function takeLock(directory: string): Promise<Lock> {
  const claims = join(directory, 'lock');
  await makeFolder(claims, directory);
  const own = claimIn(claims, directory);
  const path = join(claims, own.name);
  // The open file proves that this process owns the claim (see `isProvenHolder`).
  let file: number | undefined = openRegularFile(path, 'read');
  const lost = new AbortController();
  const beat = setInterval(() => {
    try {
      refreshClaim(path);
    } catch (error) {
      // Other errors may pass. If not, the claim becomes stale and another process removes it.
      if (GONE.has(codeOf(error) ?? '')) lost.abort();
    }
  }, BEAT_SECONDS * 1000);
  beat.unref();
  const release = (): void => {
    clearInterval(beat);
    rmSync(path, { force: true });
    if (file !== undefined) closeSync(file);
    file = undefined;
  };

  const clock = new FolderClock(claims);
  const deadline = Date.now() + STEP_BACK_MS;
  for (;;) {
    const look = { staleSeconds: STALE_SECONDS, remove: true };
    const other = livingClaims(claims, clock, look).find(({ name }) => name !== own.name);
    if (other === undefined) return { lost: lost.signal, release };
    if (other.name < own.name || Date.now() > deadline) {
      release();
      throw inUse(directory, other);
    }
    await sleep(POLL_MS);
  }
}

function claimIn(claims: string, directory: string) {
  try {
    return putClaim(claims);
  } catch (error) {
    throw fileError(error, directory, 'write');
  }
}

/** One scheduler's place, from 0, among the `count` that share the cores of this machine. */
interface Place {
  readonly place: number;
  readonly count: number;
}

export const ALONE: Place = { place: 0, count: 1 };

/** The schedulers of this user that are open on this machine. */
export interface Neighbours {
  /** The place of this scheduler at the first call since the last refresh; `ALONE` if the folder cannot be read. */
  look(): Place;
  /** Shows that this scheduler still runs: to be called every few seconds. The next `look` sees who came and went. */
  refresh(): void;
  leave(): void;
}

/** Notes this scheduler in a folder that all schedulers of this user share. Alone if the folder cannot be written. */
export function joinNeighbours(folder: string): Neighbours {
  // A home folder may be shared with other machines and containers, whose process ids mean other processes.
  const { host, pids } = thisWorld();
  const directory = join(folder, `${host}-${pids}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return new FolderNeighbours(directory);
  } catch {
    return { look: () => ALONE, refresh: () => undefined, leave: () => undefined };
  }
}

class FolderNeighbours implements Neighbours {
  readonly #directory: string;
  readonly #clock: FolderClock;
  #name: string;
  /** To look takes a process for each claim where there is no /proc. */
  #place: Place | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#clock = new FolderClock(directory);
    this.#name = putClaim(directory).name;
  }

  look(): Place {
    return (this.#place ??= placeOf(this.#name, this.#directory, this.#clock));
  }

  refresh(): void {
    this.#place = undefined;
    try {
      refreshClaim(join(this.#directory, this.#name));
    } catch (error) {
      // Without a boot id, others remove the claim of a machine that slept.
      if (GONE.has(codeOf(error) ?? '')) this.#putAgain();
    }
  }

  leave(): void {
    rmSync(join(this.#directory, this.#name), { force: true });
  }

  #putAgain(): void {
    try {
      this.#name = putClaim(this.#directory).name;
    } catch {
      // Others do not count this scheduler until a later refresh can write.
    }
  }
}

function placeOf(own: string, directory: string, clock: FolderClock): Place {
  try {
    const living = livingClaims(directory, clock, { staleSeconds: STALE_SECONDS, remove: true });
    const place = living.findIndex(({ name }) => name === own);
    return place === -1 ? ALONE : { place, count: living.length };
  } catch {
    return ALONE;
  }
}

/** `locked`: another process has the directory. */
export function inUse(directory: string, holder: LockHolder): SpotreelError {
  const message =
    `${directory} is in use by ${describeHolder(holder)}: wait until that process ends, ` +
    `stop it${holder.isHere ? '' : ' there'} (spotreel cancel), or choose another folder`;
  return new SpotreelError('locked', 'usage', message);
}

/** `lock-lost`: the claim of this process is missing. */
export function lockLost(directory: string): SpotreelError {
  const message =
    `this process lost its claim on ${directory}: another machine took the folder over after ${STALE_SECONDS} s ` +
    'without a refresh, or the claim was deleted; run the same command again to resume';
  return new SpotreelError('lock-lost', 'passing', message);
}

/** The process that has a directory. */
export type LockHolder = LivingClaim;

/** `process 123`, `process 123 on machine render-2 (seen 4 s ago)`. */
export function describeHolder({ pid, isHere, hostName, seenSecondsAgo }: LockHolder): string {
  return isHere ? `process ${pid}` : `process ${pid} on machine ${hostName} (seen ${seenSecondsAgo} s ago)`;
}

/**
 * The process that has the directory; `undefined` if no process has it or the directory is missing. Removes no claims. The claim proves
 * nothing, because everyone with write access to the directory can write one; see `isHolderProven`.
 */
export function findLockHolder(directory: string): LockHolder | undefined {
  const claims = join(directory, 'lock');
  try {
    return livingClaims(claims, new FolderClock(claims), { staleSeconds: STALE_SECONDS, remove: false })[0];
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw fileError(error, claims, 'read');
  }
}

/** Whether the holder's process runs, or, on another machine, whether its claim still counts. */
export function isHolderAlive(directory: string, holder: LockHolder): boolean {
  if (holder.isHere) return isProcessAlive(holder.pid, holder.startTime);
  return findLockHolder(directory)?.name === holder.name;
}

/** Whether the holder's process id certainly belongs to the process that has the directory, so that it may get a signal. */
export function isHolderProven(directory: string, holder: LockHolder): boolean {
  return holder.isHere && isProvenHolder(holder, join(directory, 'lock'));
}
