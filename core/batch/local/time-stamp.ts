/** `2026-11-22T10:00:00.000Z `: what stands before each line of a log, as CloudWatch Logs keeps a time with each. */
export function timeStamp(at: number): string {
  return `${new Date(at).toISOString()} `;
}

const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.*)$/s;

/** A line of a log and its time, in milliseconds since 1970; none where an earlier Spotreel wrote it. */
export function parseStamped(line: string): { readonly at?: number; readonly text: string } {
  const [, stamp, text] = STAMPED.exec(line) ?? [];
  return stamp === undefined || text === undefined ? { text: line } : { at: Date.parse(stamp), text };
}
