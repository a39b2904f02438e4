import { countOf } from '../../core/count-words';
import type { WorkerEvent } from '../../core/contract/worker-event';
import { formatExactSeconds } from '../../core/format-seconds';
import type { ToldLine } from '../../core/logs/frame-lines';
import type { LogLine } from '../../core/logs/job-logs';
import { printable } from '../../core/printable';

/** What is known of a line besides itself. */
export interface LineContext {
  /** In `slices/<slice>.json`; absent for the job that makes the video. */
  readonly slice?: number | undefined;
  /** 1-based. */
  readonly attempt: number;
}

/** A line for a person: `2026-11-22T10:00:00Z  slice 3, attempt 1  frame 12 is stored (4.2 s)`. Pure. */
export function describeLine(line: LogLine, { event }: ToldLine, { slice, attempt }: LineContext): string {
  const time = line.at === undefined ? '' : `${new Date(line.at).toISOString().replace(/\.\d+Z$/, 'Z')}  `;
  const who = `${slice === undefined ? 'video' : `slice ${slice}`}, attempt ${attempt}`;
  return printable(`${time}${who}  ${messageOfLine(line.text, event)}`.replaceAll('\n', ' '));
}

/** The same for a program: one JSON object. */
export function lineJson(line: LogLine, { event, frame }: ToldLine, context: LineContext): string {
  const timestamp = line.at === undefined ? null : new Date(line.at).toISOString();
  const message = messageOfLine(line.text, event);
  return JSON.stringify({ timestamp, ...context, frame, message, event });
}

/** What the worker says in words; what others say as they do. */
function messageOfLine(text: string, event: WorkerEvent | undefined): string {
  switch (event?.event) {
    case 'frame-started':
      return `frame ${event.frame} begins`;
    case 'frame-progress': {
      const memory = event.memoryMib === undefined ? '' : `, ${event.memoryMib} MiB`;
      return `frame ${event.frame}: sample ${event.sample} of ${event.samples}${memory}`;
    }
    case 'frame-stored':
      return `frame ${event.frame} is stored (${formatExactSeconds(event.seconds)})`;
    case 'frame-kept':
      return `frame ${event.frame} was there already`;
    case 'frame-failed':
      return `frame ${event.frame} failed${event.final ? '' : ', it is tried again'}: ${event.reason}`;
    case 'stitching':
      return `${event.frames} of ${countOf(event.total, 'frame')} ${event.total === 1 ? 'is' : 'are'} in the video`;
    case 'output':
      return event.program === 'blender' ? event.line : `${event.program}: ${event.line}`;
    case 'warning':
    case 'error':
      return `${event.event}: ${event.code}: ${event.message}`;
    default:
      return text;
  }
}
