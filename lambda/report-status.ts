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

/** Host of the AWS console, by the start of the region's name. */
const HOSTS: ReadonlyArray<readonly [regionStart: string, host: string]> = [
  ['cn-', 'console.amazonaws.cn'],
  ['us-gov-', 'console.amazonaws-us-gov.com'],
  ['', 'console.aws.amazon.com'],
];

/** URL of a folder's page in the AWS console; `undefined` if the folder is not in S3. */
export function consoleUrl(folder: URL, region: string): string | undefined {
  if (folder.protocol !== 's3:') return undefined;
  const { bucket, key } = bucketAndKey(folder);
  const host = HOSTS.find(([start]) => region.startsWith(start))![1];
  const url = new URL(`https://${region}.${host}/s3/buckets/${bucket}`);
  url.searchParams.set('region', region);
  url.searchParams.set('prefix', key);
  return url.href;
}

/** A message that people read. */
export interface Notification {
  readonly subject: string;
  readonly message: string;
}

/** Sends a message. Throws if that fails. */
export type Notify = (notification: Notification) => Promise<void>;

/** SNS accepts fewer than 100 characters without control characters: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const LONGEST_SUBJECT = 99;

/** Findings in a message. `status.json` has all. */
const MOST_FINDINGS = 10;

const HEADLINES: Readonly<Record<RenderStatus['state'], string>> = {
  refused: 'was refused',
  rescuing: 'continues on On-Demand machines',
  failed: 'failed',
  partial: 'has a video, but frames or sound are missing',
  complete: 'is complete',
};

/**
 * Characters of one line. All lines together, with each character escaped, are shorter than the 256 KiB that SNS accepts
 * (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
 */
const LONGEST_LINE = 2000;

/**
 * The message about the end of a render. Keys, scenes and reasons come from uploads, so each is on its own line and has no
 * control characters.
 */
function notificationOf(status: RenderStatus): Notification {
  const { renderId, state, source, reason, findings, frames, retry, links } = status;
  const headline = `Render ${renderId} ${HEADLINES[state]}`;
  const listed = findings.slice(0, MOST_FINDINGS).map(({ message }) => `- ${message}`);
  const more = findings.length - listed.length;
  const lines = [
    headline,
    source && `Scene: ${source.url}`,
    reason && `Reason: ${reason}`,
    ...listed,
    more > 0 && `- and ${more} more, see status.json`,
    frames &&
      `Frames: ${frames.stored} of ${frames.total} stored${frames.failed ? `, ${frames.failed} failed` : ''}`,
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

/** Attempts to write a status that other Lambdas write at the same time. */
const MAX_CONFLICTS = 5;

/**
 * Writes `status.json` into the render's folder and sends one message. Keeps a status that says the same or more (see
 * `weigh`). If it is interrupted, it can be called again: it sends the message before it records that, so a message may
 * come twice but is never lost.
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
 * What to do with a new status, compared with the stored one.
 *
 * - A refusal never replaces the status of an ended render, but a message reports it (`announce`).
 * - `rescuing` never replaces the status of an ended render.
 * - A status of another pair of jobs is newer and replaces the old one. The caller checks that it is newer.
 * - For one pair, `complete` is final, and `partial` outranks `failed`. A failed render job replaces the failed stitch job
 *   that it caused, without another message (`amend`).
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
  /** Absent if the file cannot be read, for example because another version of Spotreel wrote it. */
  readonly status?: RenderStatus | undefined;
  readonly etag: string;
}

async function readStatus(url: URL, storage: Storage): Promise<FoundStatus | undefined> {
  // Read the ETag before the content, so a change between the two makes the conditional write fail.
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

/** `false` if another Lambda wrote meanwhile. */
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
  // Another status was reported meanwhile, with its own message.
  if (found?.status?.state !== status.state || found.status.endedJob !== status.endedJob) return;
  await write({ ...found.status, notifiedAt: now().toISOString() }, url, found.etag, storage);
}
