import { existsSync } from 'node:fs';
import type { BatchClientConfig } from '@aws-sdk/client-batch';
import { SSMClient } from '@aws-sdk/client-ssm';
import { readFarm } from '../core/batch/aws-farm';
import type { Batch } from '../core/batch/batch';
import type { FarmDescription } from '../core/contract/farm-description';
import { manifestUrl, renderFolder } from '../core/contract/keys';
import { parseManifest, type Manifest } from '../core/contract/manifest';
import { newestRender } from '../core/render-state/list-renders';
import { RenderLook, type Look } from '../core/render-state/render-look';
import { checkRenderName } from '../core/contract/render-id';
import { SpotreelError } from '../core/errors';
import { childUrl, formatLocation, keyUrl, parseLocation } from '../core/storage/location';
import { StorageError, type Storage } from '../core/storage/storage';

/** By which a user says where renders lie. */
export interface PlaceFlags {
  /** A folder of this machine, or `s3://bucket/prefix`. */
  readonly output?: string;
  /** A deployed farm's name. */
  readonly farm?: string;
}

/** Where renders lie, and who runs them there. */
export interface Place {
  /** The folder under which each render has its own. */
  readonly output: URL;
  /** AWS Batch; absent on this machine, where each render's own folder holds its Batch. */
  readonly batch?: Batch;
  /** Absent where no farm was looked up. */
  readonly farm?: FarmDescription;
}

/** What `render` writes to where nothing else is said. */
export const LOCAL_OUTPUT = 'renders';

/**
 * Where to look: what `-o` or `--farm` says, with both of them a folder of that farm's; without either this machine's folder `renders` where there is one, else the
 * farm. `client` is how AWS Batch is called, where it is. Throws what `readFarm` throws.
 */
export async function findPlace(
  { output, farm }: PlaceFlags,
  client: BatchClientConfig = {},
): Promise<Place> {
  if (output !== undefined) {
    const url = parseLocation(output.endsWith('/') ? output : `${output}/`, process.cwd());
    if (url.protocol !== 's3:') return { output: url };
    const named = farm === undefined ? {} : { farm: await readFarm(farm, new SSMClient({})) };
    return { output: url, batch: await awsBatch(client), ...named };
  }
  const name = farm ?? process.env.SPOTREEL_FARM_NAME;
  if (name === undefined && existsSync(LOCAL_OUTPUT)) {
    return { output: parseLocation(`${LOCAL_OUTPUT}/`, process.cwd()) };
  }
  const description = await readFarm(name ?? 'main', new SSMClient({}));
  const bucket = keyUrl('s3:', description.bucket, '');
  return {
    output: childUrl(bucket, description.outputPrefix),
    batch: await awsBatch(client),
    farm: description,
  };
}

/** Loaded once it is needed: on one machine it never is. */
async function awsBatch(client: BatchClientConfig): Promise<Batch> {
  const [{ BatchClient }, { AwsBatch }] = await Promise.all([
    import('@aws-sdk/client-batch'),
    import('../core/batch/aws-batch'),
  ]);
  return new AwsBatch(new BatchClient(client));
}

/** A render's folder, whether there is one or not. Throws `no-render` for what can be no render's name. */
export function folderOfRender(renderId: string, { output }: Pick<Place, 'output'>): URL {
  // `..` and what is more than one name would lead to other folders than a render's own.
  try {
    return renderFolder(output, checkRenderName(renderId));
  } catch {
    throw noRender(renderId, output);
  }
}

/** A render's folder and its plan. Throws `bad-name` for what can be no render's name, `no-render` naming the place. */
export async function findRender(
  renderId: string,
  { output }: Pick<Place, 'output'>,
  storage: Storage,
): Promise<{ readonly folder: URL; readonly manifest: Manifest }> {
  const folder = folderOfRender(renderId, { output });
  const url = manifestUrl(folder);
  try {
    return { folder, manifest: parseManifest(await storage.get(url), formatLocation(url)) };
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'not-found')) throw error;
    throw noRender(renderId, output, error);
  }
}

/** The same for who needs no plan: `manifest` is absent where it is damaged, and `fault` says why. */
export async function findFolder(
  renderId: string,
  place: Pick<Place, 'output'>,
  storage: Storage,
): Promise<{ readonly folder: URL; readonly manifest?: Manifest; readonly fault?: SpotreelError }> {
  try {
    return await findRender(renderId, place, storage);
  } catch (error) {
    if (!(error instanceof SpotreelError) || !PLAN_FAULTS.has(error.code)) throw error;
    return { folder: folderOfRender(renderId, place), fault: error };
  }
}

const PLAN_FAULTS: ReadonlySet<string> = new Set(['bad-manifest', 'newer-manifest', 'denied']);

/**
 * What `status` and `watch` look at: the render of this id, without one the newest in the place, to be looked at again and
 * again. Throws `no-render`.
 */
export async function lookAtRender(
  renderId: string | undefined,
  { output, batch }: Place,
  storage: Storage,
): Promise<{ readonly renderId: string; readonly look: () => Promise<Look> }> {
  const id = renderId ?? (await newestRender(output, storage));
  if (id === undefined) throw noRender('', output);
  const folder = folderOfRender(id, { output });
  const render = new RenderLook({ renderId: id, folder, storage, batch, now: Date.now });
  const look = async () => {
    const seen = await render.look();
    if (!seen) throw noRender(id, output);
    return seen;
  };
  return { renderId: id, look };
}

function noRender(renderId: string, output: URL, cause?: unknown): SpotreelError {
  const named = renderId === '' ? '' : ` "${renderId}"`;
  const message = `there is no render${named} in ${formatLocation(output)}; "spotreel list" names those that are, -o and --farm say where to look`;
  return new SpotreelError('no-render', 'usage', message, { cause });
}
