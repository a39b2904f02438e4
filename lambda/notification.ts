import type { RenderStatus } from '../core/contract/status';
import { countOf } from '../core/count-words';
import { printableLine } from '../core/printable';

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
export function notificationOf(status: RenderStatus): Notification {
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
