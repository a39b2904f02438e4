import { codeOf, SpotreelError } from '../core/errors';
import { statusUrl } from '../core/render/keys';
import { parseStatus, type RenderStatus, statusSchema } from '../core/render/records';
import {
  bucketAndKey,
  formatLocation,
  type PutOptions,
  type Storage,
  StorageError,
} from '../core/storage/storage';
import { countOf, printableLine } from '../core/text';

/** Where the console of a partition lives, by how its regions' names begin. */
const HOSTS: ReadonlyArray<readonly [regionStart: string, host: string]> = [
  ['cn-', 'console.amazonaws.cn'],
  ['us-gov-', 'console.amazonaws-us-gov.com'],
  ['', 'console.aws.amazon.com'],
];

/** The AWS console's page of a folder in S3; `undefined` for a folder that is not in S3. */
export function consoleUrl(folder: URL, region: string): string | undefined {
  if (folder.protocol !== 's3:') return undefined;
  const { bucket, key } = bucketAndKey(folder);
  const host = HOSTS.find(([start]) => region.startsWith(start))![1];
  const url = new URL(`https://${region}.${host}/s3/buckets/${bucket}`);
  url.searchParams.set('region', region);
  url.searchParams.set('prefix', key);
  return url.href;
}

/** A message to people. */
export interface Notification {
  readonly subject: string;
  readonly message: string;
}

/** Sends a message; throws when it could not. */
export type Notify = (notification: Notification) => Promise<void>;

/** SNS takes UTF-8 of less than 100 characters, without control characters. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const LONGEST_SUBJECT = 99;

/** Findings beyond these are in `status.json`. */
const MOST_FINDINGS = 10;

const HEADLINES: Readonly<Record<RenderStatus['state'], string>> = {
  refused: 'was refused',
  rescuing: 'goes on on On-Demand machines',
  failed: 'failed',
  partial: 'lacks frames or sound, and has a video all the same',
  complete: 'is complete',
};

/**
 * Characters of one line. SNS takes 256 KiB in all (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html); with each
 * character escaped, all lines together stay below it.
 */
const LONGEST_LINE = 2000;

/**
 * The message about how a render ended: pure. Keys, scenes and reasons come from uploads, so each stays within its own line and
 * holds no control characters.
 */
function notificationOf(status: RenderStatus): Notification {
  const { renderId, state, source, reason, findings, frames, retry, links } = status;
  const headline = `Render ${renderId} ${HEADLINES[state]}`;
  const told = findings.slice(0, MOST_FINDINGS).map(({ message }) => `- ${message}`);
  const untold = findings.length - told.length;
  const lines = [
    headline,
    source && `Scene: ${source.url}`,
    reason && `Reason: ${reason}`,
    ...told,
    untold > 0 && `- and ${untold} more, see status.json`,
    frames &&
      `Frames: ${frames.stored} of ${frames.total} ${frames.total === 1 ? 'is' : 'are'} there${frames.failed ? `, ${frames.failed} failed` : ''}`,
    retry?.onDemand && `On-Demand: ${countOf(retry.frames, 'frame')}, at full price`,
    links.video && `Video: ${links.video}`,
    `Folder: ${links.folder}`,
    links.console && `Console: ${links.console}`,
  ];
  return {
    subject: Array.from(headline).slice(0, LONGEST_SUBJECT).join(''),
    message: lines.flatMap((line) => (line ? [printableLine(line, LONGEST_LINE)] : [])).join('\n'),
  };
}

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
