import { SpotreelError } from '../errors';
import { formatLocation, type Storage, StorageError } from '../storage/storage';
import { formatUsd } from '../text';
import { capUrl } from './keys';
import { readRecord } from './read-files';
import { type CostCap, costCapSchema } from './records';

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
