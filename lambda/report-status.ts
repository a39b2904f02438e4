import { statusUrl } from '../core/contract/keys';
import { parseStatus, statusSchema, type RenderStatus } from '../core/contract/status';
import { codeOf, SpotreelError } from '../core/errors';
import { formatLocation } from '../core/storage/location';
import { StorageError, type PutOptions, type Storage } from '../core/storage/storage';
import { notificationOf, type Notify } from './notification';

export interface ReportServices {
  readonly storage: Storage;
  readonly notify: Notify;
  readonly now: () => Date;
}

/** Others that write the same status meanwhile, before this one gives up. */
const MAX_CONFLICTS = 5;

/**
 * Writes `status.json` into the render's folder and tells people, once: a status that says the same already is left
 * alone, and one that says more (see `weigh`) too. Safe to be cut off anywhere and called again: the message goes out
 * before the status says that it has, so that one too many is possible and none is not.
 */
export async function reportStatus(
  status: RenderStatus,
  folder: URL,
  services: ReportServices,
): Promise<'reported' | 'kept'> {
  const url = statusUrl(folder);
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
    const before = await readStatus(url, services.storage);
    const verdict = before?.status ? weigh(before.status, status) : 'replace';
    if (verdict === 'announce') {
      await services.notify(notificationOf(status));
      return 'kept';
    }
    if (verdict === 'keep' || verdict === 'same') {
      if (verdict === 'same' && !before?.status?.notifiedAt) await announce(status, url, services);
      return 'kept';
    }
    const notifiedAt = verdict === 'amend' ? before?.status?.notifiedAt : undefined;
    const next = { ...status, ...(notifiedAt && { notifiedAt }) };
    if (!(await write(next, url, before?.etag, services.storage))) continue;
    if (!notifiedAt) await announce(next, url, services);
    return 'reported';
  }
  throw new SpotreelError('status-contended', 'passing', `${formatLocation(url)} keeps changing: try again`);
}

/**
 * What a new status is against the one that is there.
 *
 * - A refusal never takes the place of how a render ended; people are told of it all the same (`announce`).
 * - That it goes on is told until it has ended, and never after that.
 * - Another pair of jobs is a newer render of the same (the caller has made sure of that).
 * - Of one pair, `complete` stands, and `partial` before `failed`. That the render job failed says more than that the stitch job failed for it, and
 *   takes its place without another message (`amend`).
 */
export function weigh(
  before: RenderStatus,
  next: RenderStatus,
): 'replace' | 'amend' | 'same' | 'keep' | 'announce' {
  if (next.state === 'refused') {
    if (before.state !== 'refused') return 'announce';
    return before.reason === next.reason && before.source?.etag === next.source?.etag ? 'same' : 'replace';
  }
  if (before.state === next.state && before.endedJob === next.endedJob) return 'same';
  const samePair = before.jobs?.stitch === next.jobs?.stitch && before.jobs !== undefined;
  if (before.state === 'refused' || before.state === 'rescuing' || !samePair) return 'replace';
  if (before.state === 'complete' || next.state === 'rescuing') return 'keep';
  if (next.state === 'complete') return 'replace';
  if (before.state === 'partial') return 'keep';
  if (next.state === 'partial') return 'replace';
  return next.endedJob === next.jobs?.render ? 'amend' : 'keep';
}

interface FoundStatus {
  /** Absent for what can't be read, of another version of Spotreel, say. */
  readonly status?: RenderStatus | undefined;
  readonly etag: string;
}

async function readStatus(url: URL, storage: Storage): Promise<FoundStatus | undefined> {
  // The ETag before the content: what changes between the two fails the conditional write.
  const head = await storage.head(url);
  if (!head) return undefined;
  try {
    return { etag: head.etag, status: parseStatus(await storage.get(url), formatLocation(url)) };
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    if (codeOf(error) === 'bad-status') return { etag: head.etag };
    throw error;
  }
}

/** `false` when another wrote meanwhile. */
async function write(
  status: RenderStatus,
  url: URL,
  etag: string | undefined,
  storage: Storage,
): Promise<boolean> {
  const condition: PutOptions = etag === undefined ? { ifAbsent: true } : { ifMatch: etag };
  const body = JSON.stringify(statusSchema.parse(status), null, 2);
  try {
    await storage.put(url, body, { ...condition, contentType: 'application/json' });
    return true;
  } catch (error) {
    if (error instanceof StorageError && (error.code === 'exists' || error.code === 'changed')) return false;
    throw error;
  }
}

async function announce(status: RenderStatus, url: URL, services: ReportServices): Promise<void> {
  const { storage, notify, now } = services;
  await notify(notificationOf(status));
  const found = await readStatus(url, storage);
  // Another has been reported meanwhile, with a message of its own.
  if (found?.status?.state !== status.state || found.status.endedJob !== status.endedJob) return;
  await write({ ...found.status, notifiedAt: now().toISOString() }, url, found.etag, storage);
}
