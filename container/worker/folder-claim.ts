import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../core/errors';
import { isProcessAlive, processStartTime } from '../../core/processes/process-identity';

/** How often a holder shows that it lives, and how long the others believe it. */
const BEAT_SECONDS = 2;
const STALE_SECONDS = 20;

const POLL_MS = 50;

/** The sole right to a folder, held for a while. */
export interface FolderClaim {
  release(): Promise<void>;
}

/** A file that says who claims a folder: its name says who, and its time of writing that they live. */
interface Claim {
  readonly name: string;
  readonly processes: string;
  readonly pid: number;
  readonly startTime: string;
}

/**
 * Waits until this is the only claim on `directory`, among processes that see the folder, also out of other containers;
 * gives `undefined` as soon as `isSettled` says that none is needed any more.
 * What a killed process held falls to the next one: at once where its process id can be looked up, else after 20 seconds
 * without a sign of life.
 *
 * Each puts down a claim of its own and then looks for others: of two at least one sees the other. Who sees an earlier one
 * takes its own back and waits; who sees only later ones stays until those are gone. No two hold it, and the earliest never gives way.
 */
export async function claimFolder(
  directory: string,
  isSettled: () => Promise<boolean>,
): Promise<FolderClaim | undefined> {
  await mkdir(directory, { recursive: true });
  for (;;) {
    const own = await putClaim(directory);
    const beat = setInterval(() => void touch(directory, own), BEAT_SECONDS * 1000);
    const release = async (): Promise<void> => {
      clearInterval(beat);
      await rm(join(directory, own.name), { force: true });
    };
    try {
      if (await standsAlone(directory, own, isSettled)) return { release };
    } catch (error) {
      await release();
      throw error;
    }
    await release();
    do {
      if (await isSettled()) return undefined;
      await sleep(POLL_MS);
    } while ((await livingClaims(directory)).length > 0);
  }
}

/**
 * Waits while the others are later ones; `false` as soon as there is an earlier one, or all is settled: one that was put down
 * in the same millisecond may count as later and hold the folder already.
 */
async function standsAlone(
  directory: string,
  own: Claim,
  isSettled: () => Promise<boolean>,
): Promise<boolean> {
  for (;;) {
    const others = (await livingClaims(directory)).filter(({ name }) => name !== own.name);
    if (others.length === 0) return true;
    if (others.some(({ name }) => name < own.name) || (await isSettled())) return false;
    await sleep(POLL_MS);
  }
}

async function putClaim(directory: string): Promise<Claim> {
  const [processes, pid] = [processNamespace(), process.pid];
  const startTime = processStartTime(pid);
  const time = Date.now().toString().padStart(15, '0');
  const name = [time, randomUUID().slice(0, 8), processes, pid, startTime].join('_');
  await writeFile(join(directory, name), '', { flag: 'wx' });
  return { name, processes, pid, startTime };
}

async function touch(directory: string, { name }: Claim): Promise<void> {
  const now = new Date();
  await utimes(join(directory, name), now, now).catch(() => undefined);
}

async function livingClaims(directory: string): Promise<Claim[]> {
  const claims = (await readdir(directory)).flatMap(parseClaim);
  const living = await Promise.all(claims.map((claim) => isAlive(directory, claim)));
  return claims.filter((_, index) => living[index]);
}

async function isAlive(directory: string, { name, processes, pid, startTime }: Claim): Promise<boolean> {
  const path = join(directory, name);
  const lives =
    processes === processNamespace()
      ? isProcessAlive(pid, startTime)
      : (await secondsSince(path)) < STALE_SECONDS;
  if (!lives) await rm(path, { force: true });
  return lives;
}

/** Since the file was last touched; for ever where it is gone. */
async function secondsSince(path: string): Promise<number> {
  try {
    return (Date.now() - (await stat(path)).mtimeMs) / 1000;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** Nothing for a file that is no claim. */
function parseClaim(name: string): Claim[] {
  const [, , processes, pid, startTime] = name.split('_');
  if (processes === undefined || pid === undefined || startTime === undefined) return [];
  return [{ name, processes, pid: Number(pid), startTime }];
}

/** Process ids mean something within one of these only; `0` where the system has none. */
function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
  } catch {
    return '0';
  }
}
