import { closeSync, rmSync } from 'node:fs';
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
} from '../processes/claim';
import { openRegularFile } from '../storage/file-storage';
import { fileError, makeFolder } from '../storage/file-writes';

export interface Lock {
  /** Aborted when the claim is gone: another machine took the directory over, or it was deleted. */
  readonly lost: AbortSignal;
  /** Without effect the second time. */
  release(): void;
}

/** How often a holder refreshes its claim, and after how long without it other machines take the directory over. */
const BEAT_SECONDS = 5;
const STALE_SECONDS = 60;

/** How long the earliest of several claims waits for the later ones to step back. */
const STEP_BACK_MS = 5_000;
const POLL_MS = 20;

/** A claim's file is missing, or something else has its name. */
const GONE = new Set(['ENOENT', 'ESTALE', 'ELOOP', 'ENXIO', 'EISDIR', 'ENOTDIR']);

/**
 * Makes this process the only user of `<directory>/lock`, also among machines that share the directory over a network. Claims of
 * processes that are gone are removed on the way, so a lock left behind by a killed program of this machine costs no wait. The
 * claim of another machine, or of another container, counts until it was not refreshed for 60 seconds.
 *
 * Each taker first puts down a claim of its own and then looks for others: of two takers at least one sees the
 * other, so never both win. The earlier claim stands and the later one steps back. There is no moment between
 * removing a stale lock and making a new one, as there would be with a single lock file, since a claim's name is
 * never used twice and only its owner's death allows others to remove it.
 *
 * @throws SpotreelError `locked` when a living process (this one included) has the directory, `denied` when it cannot be written.
 */
export async function takeLock(directory: string): Promise<Lock> {
  const claims = join(directory, 'lock');
  await makeFolder(claims, directory);
  const own = claimIn(claims, directory);
  const path = join(claims, own.name);
  // Kept open: this proves to others that the claim is ours (see `isProvenHolder`).
  let file: number | undefined = openRegularFile(path, 'read');
  const lost = new AbortController();
  const beat = setInterval(() => {
    try {
      refreshClaim(path);
    } catch (error) {
      // Other errors pass, or the claim becomes stale and is removed.
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

/** The error of a directory that another process has. */
export function inUse(directory: string, holder: LockHolder): SpotreelError {
  const message =
    `${directory} is in use by ${describeHolder(holder)}: wait until that process ends, ` +
    `stop it${holder.isHere ? '' : ' there'} (spotreel cancel), or choose another folder`;
  return new SpotreelError('locked', 'usage', message);
}

/** The error of a holder whose claim is gone. */
export function lockLost(directory: string): SpotreelError {
  const message =
    `the claim of this process on ${directory} is gone: another machine took the folder over, because this one ` +
    `did not answer for ${STALE_SECONDS} s, or it was deleted; run the same command again to resume`;
  return new SpotreelError('lock-lost', 'passing', message);
}

/** The process that has a directory. */
export type LockHolder = LivingClaim;

/** `process 123`, `process 123 on machine render-2 (seen 4 s ago)`. */
export function describeHolder({ pid, isHere, hostName, seenSecondsAgo }: LockHolder): string {
  return isHere ? `process ${pid}` : `process ${pid} on machine ${hostName} (seen ${seenSecondsAgo} s ago)`;
}

/**
 * The process that has the directory; `undefined` where none has it or there is no such directory. Claims of processes that are
 * gone stay. A claim is not trusted further than this: anybody who may write to the directory can put one there.
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

/** Whether the holder's process runs. For one of another machine: whether its claim still counts. */
export function isHolderAlive(directory: string, holder: LockHolder): boolean {
  if (holder.isHere) return isProcessAlive(holder.pid, holder.startTime);
  return findLockHolder(directory)?.name === holder.name;
}

/** Whether a signal to the holder's process id can only reach the process that has the directory. */
export function isHolderProven(directory: string, holder: LockHolder): boolean {
  return holder.isHere && isProvenHolder(holder, join(directory, 'lock'));
}
