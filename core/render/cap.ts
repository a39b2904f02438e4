import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { formatLocation, type Storage, StorageError } from '../storage/storage';
import { formatUsd } from '../text';
import { capUrl } from './keys';
import { readRecord } from './read-files';

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

/** What a render may cost; `undefined` where nobody said, or what was said can't be read. */
export function readCap(render: URL, storage: Storage): Promise<CostCap | undefined> {
  return readRecord(costCapSchema, capUrl(render), storage);
}

/** Others that write the same cap meanwhile, before this one gives up. */
const MAX_CONFLICTS = 5;

/**
 * Says what a render may cost. The later request stands: an event that comes late or twice changes nothing. Throws
 * `cap-contended` (passing).
 */
export async function setCap(cap: CostCap, render: URL, storage: Storage): Promise<void> {
  const url = capUrl(render);
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
    // The ETag before the content: what changes between the two fails the conditional write.
    const head = await storage.head(url);
    const before = head && (await readCap(render, storage));
    if (before && before.at >= cap.at) return;
    if (await writeCap(cap, render, head?.etag, storage)) return;
  }
  const message = `${formatLocation(url)} keeps changing: try again`;
  throw new SpotreelError('cap-contended', 'passing', message);
}

/** `false` when another wrote meanwhile. */
export async function writeCap(
  cap: CostCap,
  render: URL,
  etag: string | undefined,
  storage: Storage,
): Promise<boolean> {
  const condition = etag === undefined ? { ifAbsent: true } : { ifMatch: etag };
  const body = JSON.stringify(costCapSchema.parse(cap), null, 2);
  try {
    await storage.put(capUrl(render), body, { ...condition, contentType: 'application/json' });
    return true;
  } catch (error) {
    if (error instanceof StorageError && (error.code === 'exists' || error.code === 'changed')) return false;
    throw error;
  }
}

/** Why a render was stopped, in one line; it begins with `MAX_COST_REASON`. Pure. */
export function capReason(maxUsd: number, spentUsd: number): string {
  return `${MAX_COST_REASON} of ${formatUsd(maxUsd)} USD: by the highest prices ${formatUsd(spentUsd)} USD are spent`;
}
