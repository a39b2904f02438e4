import { SpotreelError } from '../errors';
import { readBlendFacts } from '../blend/scene-facts';
import type { RenderJobs } from '../contract/jobs';
import { manifestUrl, renderFolder } from '../contract/keys';
import { parseManifest, type Manifest } from '../contract/manifest';
import type { RenderOptions } from '../contract/options';
import { canonicalOptions, checkRenderName, renderIdOf } from '../contract/render-id';
import { planRender } from '../render/plan';
import { formatLocation } from '../storage/location';
import { StorageError, type ObjectHead, type Storage } from '../storage/storage';
import { ensureJobs, type JobServices } from './ensure-jobs';
import type { Reuse } from './find-pair';

/** An object has been created, and what the user wants of it. */
export interface RenderRequest {
  readonly source: Pick<ObjectHead, 'url' | 'etag' | 'size'>;
  /** The folder under which the render's own folder lies. */
  readonly output: URL;
  readonly options: RenderOptions;
  /** A name given by hand, in place of the render id made from the source. */
  readonly name?: string;
  /** How many children can run at once. */
  readonly parallel: number;
  readonly reuse: Reuse;
}

export interface SubmitServices extends JobServices {
  /** Throws when the farm can't run the plan (its Blender is too old, say). */
  readonly checkManifest?: (manifest: Manifest) => void;
}

export interface SubmittedRender {
  readonly folder: URL;
  readonly manifest: Manifest;
  readonly jobs: RenderJobs;
}

/**
 * Plans a render and submits its two jobs: the one use case behind an upload, the command line and a local render.
 * Safe to run twice, at the same moment or after it was cut off between any two calls: the manifest is written only
 * once, and so is the pair of jobs (see `ensureJobs`).
 */
export async function submitRender(
  request: RenderRequest,
  services: SubmitServices,
): Promise<SubmittedRender> {
  const { folder, manifest } = await prepareRender(request, services);
  const jobs = await ensureJobs(manifest, folder, request.reuse, services);
  return { folder, manifest, jobs };
}

/**
 * The first half: the render's folder with its manifest in it, made now or before. Throws what is wrong with the
 * scene or the options, and `name-taken`; nothing has been submitted by then.
 */
export async function prepareRender(
  request: Omit<RenderRequest, 'reuse'>,
  { storage, now, checkManifest }: Pick<SubmitServices, 'storage' | 'now' | 'checkManifest'>,
): Promise<Pick<SubmittedRender, 'folder' | 'manifest'>> {
  const { source, options, name, output } = request;
  const renderId = name
    ? checkRenderName(name)
    : renderIdOf({ source: source.url, etag: source.etag, options });
  const folder = renderFolder(output, renderId);
  const url = manifestUrl(folder);
  const before = await readManifest(url, storage);
  if (before) {
    checkManifest?.(before);
    return { folder, manifest: checkSame(before, request, folder) };
  }
  const manifest = await plan(renderId, request, storage, now());
  checkManifest?.(manifest);
  try {
    await storage.put(url, JSON.stringify(manifest, null, 2), {
      ifAbsent: true,
      contentType: 'application/json',
    });
    return { folder, manifest };
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'exists')) throw error;
    // Somebody else planned the same render meanwhile: theirs is the plan.
    const theirs = parseManifest(await storage.get(url), formatLocation(url));
    return { folder, manifest: checkSame(theirs, request, folder) };
  }
}

async function readManifest(url: URL, storage: Storage): Promise<Manifest | undefined> {
  try {
    return parseManifest(await storage.get(url), formatLocation(url));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}

type PlanRequest = Omit<RenderRequest, 'reuse'>;

async function plan(renderId: string, request: PlanRequest, storage: Storage, now: Date): Promise<Manifest> {
  const { source, options, parallel } = request;
  const bytes = await storage.open(source.url);
  try {
    if (bytes.etag !== undefined && bytes.etag !== source.etag) throw changed(source.url);
    const facts = await readBlendFacts(bytes);
    const location = { url: formatLocation(source.url), etag: source.etag, size: source.size };
    return planRender({ renderId, source: location, facts, options, parallel, now });
  } finally {
    await bytes.close();
  }
}

/** The facts of one version must not be put down as those of another. */
function changed(url: URL): StorageError {
  const message = `${formatLocation(url)} was changed since its render was asked for: submit it again to render it as it is now`;
  return new StorageError('changed', url, message);
}

/** A render id names one scene with one set of options: anything else under it would mix two films. */
function checkSame(manifest: Manifest, { source, options }: PlanRequest, folder: URL): Manifest {
  const same =
    manifest.source.url === formatLocation(source.url) &&
    manifest.source.etag === source.etag &&
    JSON.stringify(canonicalOptions(manifest.options)) === JSON.stringify(canonicalOptions(options));
  if (same) return manifest;
  throw new SpotreelError(
    'name-taken',
    'usage',
    `${formatLocation(folder)} holds a render of ${manifest.source.url} with other options or of another version of it; choose another name`,
  );
}
