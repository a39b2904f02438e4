import * as z from 'zod/mini';
import { formatUsd } from '../text';
import type { Document } from './document';

const usd = () => z.number().check(z.gte(0));
const spread = () => z.object({ low: usd(), middle: usd(), high: usd() });

/**
 * `caps/<renderId>.json`, beside the folder of all renders and no part of any: what a render may cost. It is written before the
 * render's jobs are submitted, looked at while they run, and deleted once they have ended.
 */
export const costCapSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    renderId: z.string().check(z.minLength(1)),
    /** US dollars. */
    maxUsd: z.number().check(z.gt(0)),
    /** When it was asked for; of two the later one holds. */
    at: z.iso.datetime(),
    /** Prices of a slice's vCPU-hours that the account was told then; absent where none were. */
    prices: z.optional(
      z.object({
        spot: spread(),
        onDemand: spread(),
        source: z.enum(['account', 'table']),
        at: z.string(),
        region: z.string(),
      }),
    ),
    /** Once it has been reached: the render job that was stopped for it, and what was spent, in US dollars at most. */
    stopped: z.optional(z.object({ jobId: z.string(), usd: usd(), at: z.iso.datetime() })),
  }),
);

export type CostCap = z.infer<typeof costCapSchema>;

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
