import type { Finding } from '../core/contract/finding';
import { printable } from '../core/printable';

/** A finding in one line: `warning: image-missing: image "Wood" needs …`. */
export function describeFinding({ severity = 'error', code, message }: Finding): string {
  return printable(`${severity}: ${code}: ${message.replaceAll('\n', ' ')}`);
}

/** Writes each finding in a line of its own. */
export function reportFindings(
  findings: readonly Finding[],
  stream: NodeJS.WritableStream = process.stderr,
): void {
  for (const finding of findings) stream.write(`${describeFinding(finding)}\n`);
}
