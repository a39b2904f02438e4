import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, SpotreelError } from '../../errors';
import { isProcessAlive, processStartTime } from '../../processes/process-identity';

/** A claim on a directory: an empty file whose name says everything, so that it appears whole or not at all. */
interface Claim {
  readonly name: string;
  readonly pid: number;
  readonly startTime: string;
}

export interface Lock {
  release(): void;
}

/** How long the earliest of several claims waits for the later ones to step back. */
const STEP_BACK_MS = 5_000;
const POLL_MS = 20;

/**
 * Makes this process the only user of `<directory>/lock`. Claims of processes that are gone are removed on the way,
 * so a lock left behind by a killed program costs no wait.
 *
 * Each taker first puts down a claim of its own and then looks for others: of two takers at least one sees the
 * other, so never both win. The earlier claim stands and the later one steps back. There is no moment between
 * removing a stale lock and making a new one, as there would be with a single lock file, since a claim's name is
 * never used twice and only its owner's death allows others to remove it.
 *
 * Process ids mean something on one machine only, so the directory must not be shared between machines.
 *
 * @throws SpotreelError `locked` when a living process (this one included) has the directory.
 */
export async function takeLock(directory: string): Promise<Lock> {
  const claims = join(directory, 'lock');
  mkdirSync(claims, { recursive: true });
  const own = createClaim(claims);
  const release = (): void => rmSync(join(claims, own.name), { force: true });

  const deadline = Date.now() + STEP_BACK_MS;
  for (;;) {
    const other = otherClaims(claims, own)[0];
    if (other === undefined) return { release };
    if (other.name < own.name || Date.now() > deadline) {
      release();
      const message =
        `${directory} is in use by process ${other.pid}; wait until it has ended, stop it, ` +
        `or use another state directory`;
      throw new SpotreelError('locked', 'usage', message);
    }
    await sleep(POLL_MS);
  }
}

/** Who has a directory. */
export interface LockHolder {
  readonly pid: number;
  readonly startTime: string;
}

/**
 * The living process that has the directory; nobody has one that is not there. Only looks: claims of processes that are gone
 * stay. What a claim says is not believed further than this: it names one process of this machine, never a group of them.
 */
export function findLockHolder(directory: string): LockHolder | undefined {
  let names: string[];
  try {
    names = readdirSync(join(directory, 'lock'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  return names
    .toSorted()
    .flatMap(parseClaim)
    .find(({ pid, startTime }) => Number.isSafeInteger(pid) && pid > 1 && isProcessAlive(pid, startTime));
}

function createClaim(claims: string): Claim {
  const [pid, startTime] = [process.pid, processStartTime(process.pid)];
  // Earlier claims sort first.
  const name = [Date.now().toString().padStart(15, '0'), randomUUID().slice(0, 8), pid, startTime].join('-');
  writeFileSync(join(claims, name), '', { flag: 'wx' });
  return { name, pid, startTime };
}

/** The claims of living processes, without one's own; those of dead ones are removed. */
function otherClaims(claims: string, own: Claim): Claim[] {
  return readdirSync(claims)
    .toSorted()
    .flatMap((name) => (name === own.name ? [] : parseClaim(name)))
    .filter((claim) => {
      if (isProcessAlive(claim.pid, claim.startTime)) return true;
      rmSync(join(claims, claim.name), { force: true });
      return false;
    });
}

/** Nothing for a file that is no claim. */
function parseClaim(name: string): Claim[] {
  const [, , pid, startTime] = name.split('-');
  return pid === undefined || startTime === undefined ? [] : [{ name, pid: Number(pid), startTime }];
}
