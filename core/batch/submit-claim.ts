import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { formatLocation } from '../storage/location';
import { StorageError, type ObjectHead, type Storage } from '../storage/storage';

/** How runners that may submit the same render at once keep out of each other's way. */
export interface ClaimPolicy {
  /** Unique to this attempt: two with the same owner would take each other for themselves. */
  readonly owner: string;
  /**
   * After so long this runner's claim counts as left behind by one that is gone. Longer than the runner can run, with
   * a margin for clocks that differ and for AWS Batch's listing, which may not show a job at once.
   */
  readonly staleAfterSeconds: number;
}

/** The right to submit a render's jobs, held for a while. */
export interface Claim {
  /** Throws `claim-lost` (passing) when it has been held so long that another may have taken it over. */
  check(): void;
  /** Gives it up. What goes wrong with that is nothing to fail for: it goes stale. */
  release(): Promise<void>;
}

/** `submitting.json`. */
const claimSchema = z.lazy(() =>
  z.object({ owner: z.string(), claimedAt: z.iso.datetime(), staleAt: z.iso.datetime() }),
);

/** The claim of who is alone, as the holder of an exclusive lock is. */
const NO_CLAIM: Claim = { check: () => undefined, release: async () => undefined };

interface ClaimServices {
  readonly storage: Storage;
  readonly now: () => Date;
  /** Absent where nobody else can be submitting. */
  readonly claim?: ClaimPolicy | undefined;
}

/** Does what may be done by one runner at a time. Throws what `takeClaim` and `work` do. */
export async function underClaim<T>(
  url: URL,
  services: ClaimServices,
  work: (claim: Claim) => Promise<T>,
): Promise<T> {
  const claim = services.claim ? await takeClaim(url, services.claim, services) : NO_CLAIM;
  try {
    const result = await work(claim);
    await claim.release();
    return result;
  } catch (error) {
    // A job may have been submitted that AWS Batch does not list yet: whoever comes next waits until the claim is stale.
    if (isForGood(error)) await claim.release();
    throw error;
  }
}

/** AWS Batch said no: the same again would be refused again, and nothing was submitted by it. */
export function isForGood(error: unknown): boolean {
  if (!(error instanceof SpotreelError) || error instanceof StorageError) return false;
  return error.kind === 'usage' || error.kind === 'scene';
}

/**
 * Takes the claim at `url` by a conditional write, over one that is stale where need be. Throws `being-submitted`
 * (passing) while another runner holds it.
 */
async function takeClaim(
  url: URL,
  { owner, staleAfterSeconds }: ClaimPolicy,
  { storage, now }: { readonly storage: Storage; readonly now: () => Date },
): Promise<Claim> {
  const claimedAt = now();
  const staleAt = new Date(claimedAt.getTime() + staleAfterSeconds * 1000);
  const claim: z.infer<typeof claimSchema> = {
    owner,
    claimedAt: claimedAt.toISOString(),
    staleAt: staleAt.toISOString(),
  };
  const body = JSON.stringify(claim);
  const contentType = 'application/json';
  try {
    await storage.put(url, body, { ifAbsent: true, contentType });
  } catch (error) {
    if (!hasCode(error, 'exists')) throw error;
    // The ETag before the content: a claim that changes between the two fails the conditional write.
    const head = await storage.head(url);
    const held = head && (await contentOf(url, storage));
    if (!head || !held || now() <= staleTime(held, head, staleAfterSeconds)) throw beingSubmitted(url, error);
    await storage.put(url, body, { ifMatch: head.etag, contentType }).catch((lost: unknown) => {
      throw hasCode(lost, 'changed') ? beingSubmitted(url, lost) : lost;
    });
  }
  return {
    check: () => {
      if (now() > staleAt) throw claimLost(url);
    },
    release: async () => {
      // Once it is stale, another may hold it.
      if (now() <= staleAt) await storage.delete(url).catch(() => undefined);
    },
  };
}

/** `undefined` where it is gone meanwhile. */
async function contentOf(url: URL, storage: Storage): Promise<Uint8Array | undefined> {
  try {
    return await storage.get(url);
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined;
    throw error;
  }
}

/** When a claim goes stale, as its owner said; of one that can't be read, as this runner would have it. */
function staleTime(held: Uint8Array, { lastModified }: ObjectHead, staleAfterSeconds: number): Date {
  try {
    return new Date(claimSchema.parse(JSON.parse(Buffer.from(held).toString('utf8'))).staleAt);
  } catch {
    return new Date(lastModified.getTime() + staleAfterSeconds * 1000);
  }
}

function hasCode(error: unknown, code: StorageError['code']): boolean {
  return error instanceof StorageError && error.code === code;
}

export function beingSubmitted(url: URL, cause: unknown): SpotreelError {
  const message = `another runner is submitting this render (${formatLocation(url)}): try again in a moment`;
  return new SpotreelError('being-submitted', 'passing', message, { cause });
}

function claimLost(url: URL): SpotreelError {
  const message = `submitting took so long that another runner may have gone on (${formatLocation(url)}): try again`;
  return new SpotreelError('claim-lost', 'passing', message);
}
