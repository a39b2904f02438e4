import type { Dependency, Reach } from '../blend/contents/blend-contents';
import type { Severity } from '../contract/finding';

/** How bad it is that something is missing that can reach a frame so surely. */
const SEVERITIES: Readonly<Record<Reach, Severity>> = { rendered: 'error', maybe: 'warning', unused: 'note' };

/** How bad it is that a file is missing; `undefined` where its reach is unknown. No frame needs sound, so it never stops a render. */
export function missingSeverity({ kind, reach }: Pick<Dependency, 'kind' | 'reach'>): Severity | undefined {
  if (reach === undefined) return undefined;
  return kind === 'sound' && reach === 'rendered' ? 'warning' : SEVERITIES[reach];
}

/** The same of anything else. */
export function reachSeverity(reach: Reach | undefined): Severity | undefined {
  return reach && SEVERITIES[reach];
}
