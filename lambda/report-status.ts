import type { RenderStatus } from '../core/render/records';
import type { Render } from '../core/render/render';
import { bucketAndKey } from '../core/storage/storage';
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
  rescuing: 'continues',
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
  const how = retry?.why === 'memory' ? ' with more memory' : ' on On-Demand machines';
  const headline = `Render ${renderId} ${HEADLINES[state]}${state === 'rescuing' ? how : ''}`;
  const others = findings.filter(({ message }) => message !== reason);
  const listed = others.slice(0, MOST_FINDINGS).map(({ message }) => `- ${message}`);
  const more = others.length - listed.length;
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
  readonly notify: Notify;
  readonly now: () => Date;
}

/**
 * Writes a render's status and notifies people, once: a status that says the same already, or more (see `weigh`), is kept.
 * Safe to be cut off anywhere and called again: the message is sent before the status notes it, so a message may be sent
 * twice, and is never lost. Throws `status-contended` (passing).
 */
export async function reportStatus(
  status: RenderStatus,
  render: Render,
  services: ReportServices,
): Promise<'reported' | 'kept'> {
  const { before, after } = await render.status.update((found) => replacementOf(found, status));
  const verdict = before ? weigh(before, status) : 'replace';
  if (verdict === 'announce') await services.notify(notificationOf(status));
  if (verdict === 'same' && !before?.notifiedAt) await announce(status, render, services);
  if (!after || after === before) return 'kept';
  if (!after.notifiedAt) await announce(after, render, services);
  return 'reported';
}

/** What to write in place of the status that was found; `undefined` to keep that. Pure. */
function replacementOf(before: RenderStatus | undefined, status: RenderStatus): RenderStatus | undefined {
  const verdict = before ? weigh(before, status) : 'replace';
  if (verdict === 'replace') return status;
  if (verdict !== 'amend') return undefined;
  return { ...status, ...(before?.notifiedAt !== undefined && { notifiedAt: before.notifiedAt }) };
}

async function announce(status: RenderStatus, render: Render, services: ReportServices): Promise<void> {
  const { notify, now } = services;
  await notify(notificationOf(status));
  const { value, replace } = await render.status.version();
  // Another status was reported meanwhile, with a message of its own.
  if (value?.state !== status.state || value.endedJob !== status.endedJob) return;
  await replace({ ...value, notifiedAt: now().toISOString() });
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
