import { parseGaps, type Gaps } from '../contract/gaps';
import { gapsUrl } from '../contract/keys';
import { formatLocation } from './location';
import { StorageError, type Storage } from './storage';

/** What `gaps.json` of a render says; `undefined` where there is none. Throws `bad-gaps` naming it. */
export async function readGaps(render: URL, storage: Storage): Promise<Gaps | undefined> {
  const url = gapsUrl(render);
  try {
    return parseGaps(await storage.get(url), formatLocation(url));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** The same, of a job that was created then (milliseconds since 1970): what an earlier one left says nothing of it. */
export async function readGapsSince(
  createdAt: number | undefined,
  render: URL,
  storage: Storage,
): Promise<Gaps | undefined> {
  const gaps = await readGaps(render, storage);
  return gaps && createdAt !== undefined && Date.parse(gaps.at) >= createdAt ? gaps : undefined;
}
