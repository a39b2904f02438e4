import { mapConcurrently } from '../../core/concurrency';
import { SUBMITTED_FOLDER } from '../../core/render/keys';
import {
  bucketAndKey,
  childUrl,
  type ObjectHead,
  type ObjectInfo,
  type Storage,
} from '../../core/storage/storage';

/** Requests for objects, and listings, at a time. */
const ASKED_AT_ONCE = 16;
const LISTED_AT_ONCE = 8;

/** Below so many objects, a request for each is cheaper and quicker than a listing. */
const FEWEST_LISTED = 16;

/**
 * S3 lists 1,000 objects a request, which costs as much as 12.5 requests for single objects. So a listing pays until it
 * has this many objects for each wanted one. https://aws.amazon.com/s3/pricing/
 */
const LISTED_PER_OBJECT = 64;

/** Objects that are listed before that is judged. */
const PAGE = 1000;

/** Folders are named by hexadecimal digits. A listing for each first digit, or each two, runs beside the others. */
const DIGITS = Array.from('0123456789abcdef');
const FEWEST_PER_LISTING = 100;

/**
 * The objects at `wanted`, below `uploads`, by `href`; absent ones are missing. Lists the folders of `wanted` instead
 * of asking for each object where the bucket does not hold too many others.
 */
export async function findUploaded(
  wanted: readonly URL[],
  uploads: URL,
  storage: Storage,
): Promise<Map<string, ObjectHead>> {
  const found = new Map<string, ObjectHead>();
  const folder = childUrl(uploads, SUBMITTED_FOLDER, '');
  const above = bucketAndKey(folder).key.length;
  const nameOf = (url: URL): string => bucketAndKey(url).key.slice(above);
  const urls = [...new Map(wanted.map((url) => [url.href, url])).values()];
  const { unlisted, listings } = planListings(urls.map((url) => ({ url, name: nameOf(url) })));
  const rest = await mapConcurrently(listings, LISTED_AT_ONCE, async ({ start, targets }) =>
    listTargets(targets, storage.list(childUrl(folder, start)), nameOf, found),
  );
  await mapConcurrently([...unlisted, ...rest.flat()], ASKED_AT_ONCE, async ({ url }) => {
    const head = await storage.head(url);
    if (head) found.set(url.href, head);
  });
  return found;
}

interface Target {
  readonly url: URL;
  /** Its key below the folder of all submitted files: `<digits>/<name>`. */
  readonly name: string;
}

interface Listing {
  /** The digits with which all names start. */
  readonly start: string;
  /** In the order of a listing. */
  readonly targets: readonly Target[];
}

/** Which listings find these objects. Pure. */
export function planListings(targets: readonly Target[]): {
  readonly unlisted: readonly Target[];
  readonly listings: readonly Listing[];
} {
  if (targets.length < FEWEST_LISTED) return { unlisted: targets, listings: [] };
  const sorted = targets.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  let starts = [''];
  while (sorted.length / (starts.length * DIGITS.length) >= FEWEST_PER_LISTING)
    starts = starts.flatMap((start) => DIGITS.map((digit) => start + digit));
  const groups = starts.map((start) => ({
    start,
    targets: sorted.filter(({ name }) => name.startsWith(start)),
  }));
  const isWorth = ({ targets: { length } }: Listing) => length >= FEWEST_LISTED;
  return {
    unlisted: groups.filter((group) => !isWorth(group)).flatMap((group) => group.targets),
    listings: groups.filter(isWorth),
  };
}

/** Adds listed targets to `found` and returns those that it left unlisted, because the bucket holds too much else. */
async function listTargets(
  targets: readonly Target[],
  objects: AsyncIterable<ObjectInfo>,
  nameOf: (url: URL) => string,
  found: Map<string, ObjectHead>,
): Promise<readonly Target[]> {
  const wanted = new Set(targets.map(({ url }) => url.href));
  let [seen, passed] = [0, 0];
  for await (const object of objects) {
    seen += 1;
    const folder = folderOf(nameOf(object.url));
    while (passed < targets.length && folderOf(targets[passed]!.name) < folder) passed += 1;
    if (passed === targets.length) return [];
    if (wanted.has(object.url.href) && hasEtag(object)) found.set(object.url.href, object);
    if (seen >= PAGE && seen > LISTED_PER_OBJECT * (passed + 1)) return targets.slice(passed);
  }
  return [];
}

const hasEtag = (object: ObjectInfo): object is ObjectHead => object.etag !== undefined;

const folderOf = (name: string): string => name.slice(0, name.indexOf('/'));
