import type { RenderStatus } from '../core/render/records';
import type { Render } from '../core/render/render';
import { bucketAndKey } from '../core/storage/storage';
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
