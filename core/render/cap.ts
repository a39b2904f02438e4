import { formatUsd } from '../text';
import type { Document } from './document';
import type { CostCap } from './records';

/** How the status reason of a render job begins that was stopped because its cap was reached. */
export const MAX_COST_REASON = 'stopped at its cap';

/**
 * Sets what a render may cost. The later request wins, so an event that comes late or twice changes nothing. Throws
 * `cap-contended` (passing).
 */
export async function setCap(
  cap: CostCap,
  render: { readonly cap: Pick<Document<CostCap>, 'update'> },
): Promise<void> {
  await render.cap.update((before) => (before && before.at >= cap.at ? undefined : cap));
}

/** Why a render was stopped, in one line; it begins with `MAX_COST_REASON`. Pure. */
export function capReason(maxUsd: number, spentUsd: number): string {
  return `${MAX_COST_REASON} of ${formatUsd(maxUsd)} USD: by the highest prices ${formatUsd(spentUsd)} USD are spent`;
}
