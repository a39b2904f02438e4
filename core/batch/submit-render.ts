import { SpotreelError } from '../errors';
import { readBlendFacts } from '../blend/scene-facts';
import { jobsSchema, renderJobName, stitchJobName, type RenderJobs } from '../contract/jobs';
import { jobsUrl, manifestUrl, renderFolder } from '../contract/keys';
import { parseManifest, type Manifest } from '../contract/manifest';
import type { RenderOptions } from '../contract/options';
import { canonicalOptions, checkRenderName, renderIdOf } from '../contract/render-id';
import { workerArgv } from '../contract/worker-command';
import { planRender } from '../render/plan';
import { formatLocation } from '../storage/location';
import { StorageError, type ObjectHead, type Storage } from '../storage/storage';
import type { Batch, JobStatus, SubmitJobRequest, SubmitJobResponse } from './batch';

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
  /**
   * Which jobs that are there already count as this render's: any (an event that comes twice does no work twice), all
   * but failed ones (asked for again by hand), or only those still going on (results were found to be missing).
   */
  readonly reuse: 'any' | 'unfailed' | 'unfinished';
}

export interface SubmitServices {
  readonly storage: Storage;
  readonly batch: Batch;
  readonly jobQueue: string;
  readonly renderDefinition: string;
  readonly stitchDefinition: string;
  readonly now: () => Date;
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
 * once, and jobs are looked up by name before they are submitted (SubmitJob knows no token).
 */
export async function submitRender(
  request: RenderRequest,
  services: SubmitServices,
): Promise<SubmittedRender> {
  const { folder, manifest } = await prepareRender(request, services);
  const jobs = await ensureJobs(manifest, folder, request.reuse, services);
  await services.storage.put(jobsUrl(folder), JSON.stringify(jobsSchema.parse(jobs), null, 2));
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
    const facts = await readBlendFacts(bytes);
    const location = { url: formatLocation(source.url), etag: source.etag, size: source.size };
    return planRender({ renderId, source: location, facts, options, parallel, now });
  } finally {
    await bytes.close();
  }
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

async function ensureJobs(
  manifest: Manifest,
  folder: URL,
  reuse: RenderRequest['reuse'],
  services: SubmitServices,
): Promise<RenderJobs> {
  const requests = jobRequests(manifest, folder, services);
  const oldRender = await findJob(requests.render, reuse, services.batch);
  const render = oldRender ?? (await services.batch.submitJob(requests.render));
  const stitchRequest = requests.stitch(render.jobId);
  // A stitch job that is there belongs to the render job that is there.
  const oldStitch = oldRender && (await findJob(stitchRequest, reuse, services.batch));
  if (oldStitch) return { render, stitch: oldStitch };
  try {
    return { render, stitch: await services.batch.submitJob(stitchRequest) };
  } catch (error) {
    // Frames that no video will follow are money burnt: take the first job back before saying why.
    await services.batch
      .terminateJob(render.jobId, 'the stitch job could not be submitted')
      .catch(() => undefined);
    throw error;
  }
}

const ENDED: readonly JobStatus[] = ['SUCCEEDED', 'FAILED'];

async function findJob(
  { jobQueue, jobName }: SubmitJobRequest,
  reuse: RenderRequest['reuse'],
  batch: Batch,
): Promise<SubmitJobResponse | undefined> {
  const jobs = (await batch.listJobs({ jobQueue, jobName })).filter(({ status }) => {
    if (reuse === 'any') return true;
    return reuse === 'unfailed' ? status !== 'FAILED' : !ENDED.includes(status);
  });
  const newest = jobs.toSorted((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0))[0];
  return newest && { jobId: newest.jobId, jobName: newest.jobName };
}

function jobRequests(manifest: Manifest, folder: URL, services: SubmitServices) {
  const { renderId, framesPerSlice, frameCount, sliceCount, source } = manifest;
  // A folder's slash would be one more thing to get wrong by hand.
  const output = formatLocation(folder).replace(/\/$/, '');
  const render: SubmitJobRequest = {
    jobName: renderJobName(renderId),
    jobQueue: services.jobQueue,
    jobDefinition: services.renderDefinition,
    ...(sliceCount > 1 && { arrayProperties: { size: sliceCount } }),
    containerOverrides: {
      command: workerArgv({
        command: 'render',
        input: source.url,
        output,
        framesPerSlice,
        totalFrames: frameCount,
      }),
    },
  };
  const stitch = (renderJobId: string): SubmitJobRequest => ({
    jobName: stitchJobName(renderId),
    jobQueue: services.jobQueue,
    jobDefinition: services.stitchDefinition,
    dependsOn: [{ jobId: renderJobId, type: 'SEQUENTIAL' }],
    containerOverrides: { command: workerArgv({ command: 'stitch', input: output, output }) },
  });
  return { render, stitch };
}
