import { messageOf, SpotreelError } from '../errors';
import { parseJson } from '../json';
import {
  canonicalOptions,
  checkRenderName,
  movableRenderId,
  type RenderIdentity,
  renderIdOf,
  slugText,
} from '../render/keys';
import { type Manifest, manifestSchema } from '../render/manifest';
import type { RenderOptions, Tags } from '../render/options';
import type { CostCap, RenderJobs } from '../render/records';
import { Render } from '../render/render';
import type { Pace } from '../render/slices';
import type { RenderPlace } from '../scene/findings/dependencies';
import { needsDenoiser } from '../scene/findings/scene';
import { chooseCameras, mayFitSlices, planRender, type SceneWithCameras } from '../scene/plan';
import { digestOfFiles, preflight, type Preflight, refuseErrors } from '../scene/findings/preflight';
import { UPLOAD_SECONDS, WalkBudget } from '../scene/project/dependencies';
import { examineScene, type SceneExamination } from '../scene/project/examine';
import { formatLocation, type ObjectHead, type Storage, StorageError } from '../storage/storage';
import { printableName } from '../text';
import { ensureJobs, type JobServices } from './ensure-jobs';
import { blenderFor, chooseDefinition, type JobTargets, queueFor, refuseTargets, targetFaults } from './farm';
import type { Reuse } from './pair';

/** The scene at `url` was replaced or deleted while it was being read. */
export function hasGone(error: unknown, { url }: Pick<ObjectHead, 'url'>): boolean {
  return (
    error instanceof StorageError &&
    error.url.href === url.href &&
    (error.code === 'changed' || error.code === 'not-found')
  );
}

/** What only the farm's owner, or the end of a deployment, fixes: a missing permission, a request that AWS refuses. */
const FARM_FAULTS: ReadonlySet<unknown> = new Set(['denied', 'client-exception', 'aws-refused']);

/** Whether the uploader can fix the fault, and the same request would fail again. `bad-url`: its name fits no URL. */
export function isUploadsFault(error: unknown): error is SpotreelError {
  if (!(error instanceof SpotreelError) || FARM_FAULTS.has(error.code)) return false;
  if (error instanceof StorageError) return error.code === 'bad-url';
  return error.kind === 'scene' || error.kind === 'usage';
}

/** A created object, and the user's wishes for it. */
export interface RenderRequest {
  readonly source: Pick<ObjectHead, 'url' | 'etag' | 'size'>;
  /** The folder of all renders. */
  readonly output: URL;
  readonly options: RenderOptions;
  /** Cost allocation tags; an existing plan keeps its own. */
  readonly tags?: Tags;
  /** The cost cap, written before any job is submitted. */
  readonly cap?: Pick<CostCap, 'maxUsd' | 'at' | 'prices'>;
  /**
   * Whether the cap is part of the plan and counts only if this request makes the plan. Uploads need this: any
   * uploader could repeat another person's upload with another cap.
   */
  readonly capIsPlanned?: boolean;
  /** A name given by hand, in place of the render id made from the source. */
  readonly name?: string;
  /** For renders of several cameras; not part of a render's identity. */
  readonly group?: string;
  readonly reuse: Reuse;
  /** The examined scene; absent: `submitRender` reads it. */
  readonly examination?: SceneExamination;
  /**
   * Whether files that the scene needs are part of the render's identity. True for a user, who may have fixed one.
   * False for an event, because a repeated event must mean the same render.
   */
  readonly filesCount?: boolean;
}

export interface SubmitServices extends JobServices {
  readonly storage: Storage;
  /** The place of the render; the farm by default. */
  readonly place?: RenderPlace;
  /** Whether that place has a display for engines that need one. */
  readonly hasDisplay?: boolean;
  /** Whether `OCIO` names a colour configuration in that place. */
  readonly hasOwnColors?: boolean;
  /**
   * Asks whether the Blender there has OpenImageDenoise; called only for scenes that use it. Absent for the farm,
   * whose Blenders have it.
   */
  readonly hasDenoiser?: () => Promise<boolean | undefined>;
  /** Finds how long the frames of such a plan take; absent where slices do not follow it. */
  readonly findPace?: (plan: Manifest, output: URL) => Promise<Pace | undefined>;
  /**
   * Moves a plan out of the way that is damaged, or of a scene that has moved, so that it is made again. Throws where a process uses it. Absent where a damaged plan is an
   * error, as in a bucket, where writes are atomic.
   */
  readonly setAsidePlan?: (render: Render) => Promise<void>;
}

export type PrepareServices = Pick<
  SubmitServices,
  | 'storage'
  | 'now'
  | 'place'
  | 'hasDisplay'
  | 'hasOwnColors'
  | 'hasDenoiser'
  | 'findPace'
  | 'setAsidePlan'
  | keyof JobTargets
>;

export interface SubmittedRender {
  readonly render: Render;
  readonly manifest: Manifest;
  readonly jobs: RenderJobs;
}

/** A render with its plan. */
export interface PreparedRender extends Omit<SubmittedRender, 'jobs'> {
  /** Why the earlier plan was moved away; absent if none was. */
  readonly rebuilt?: string;
}

type PrepareRequest = Omit<RenderRequest, 'reuse'>;

/**
 * Plans a render and submits its two jobs, for uploads, the command line and local renders. Safe to run twice, also at
 * once or after an interruption between any two calls: manifest and jobs are written only once (see `ensureJobs`).
 */
export async function submitRender(
  request: RenderRequest,
  services: SubmitServices,
): Promise<SubmittedRender> {
  const { render, manifest } = await prepareRender(request, services);
  const cap = request.capIsPlanned ? await firstCap(render, manifest) : request.cap;
  if (cap) await setCap({ version: 1, renderId: manifest.renderId, ...cap }, render);
  const jobs = await ensureJobs(render, manifest, request.reuse, services);
  return { render, manifest, jobs };
}

/** The plan's cap until jobs exist. From then on the cap belongs to users who may write to `caps/`. */
async function firstCap(render: Render, { cap }: Manifest): Promise<Manifest['cap']> {
  return cap && !(await render.jobs.readIfValid()) ? cap : undefined;
}

/**
 * Plans a render: its folder has a manifest afterwards. Throws faults of the scene (a `PreflightError` with all of
 * them) and of the options, and `name-taken`; no job is submitted by then.
 */
export async function prepareRender(
  request: PrepareRequest,
  services: PrepareServices,
): Promise<PreparedRender> {
  const { source, name, filesCount } = request;
  const known = filesCount ? await check(request, services) : undefined;
  const ownId = await ownIdOf(request, known?.checked.files, services.storage);
  const renderId = name ? checkRenderName(name) : ownId;
  const render = Render.at(request.output, renderId, services.storage);
  const { plan: before, damage } = await findPlan(render, services);
  if (damage) await setAside(render, renderId === ownId, services);
  const moved = before && known && hasMoved(before, request, render, known.checked, services);
  if (moved) await services.setAsidePlan?.(render);
  else if (before) {
    // A plan of another render is refused below, whatever files it needs.
    const manifest = checkSame(before, request, render, known?.checked);
    refuseTargets(manifest, services, services.place ?? 'farm');
    return { render, manifest };
  }
  const { facts, checked } = known ?? (await check(request, services));
  const location = { url: formatLocation(source.url), etag: source.etag, size: source.size };
  const { options, tags, group } = request;
  const cap = request.capIsPlanned ? request.cap : undefined;
  const { parallel } = queueFor(options, services) ?? services;
  const { blenderVersion: renderBlenderVersion } = chooseDefinition(facts, services);
  const planned = {
    renderId,
    source: location,
    facts,
    options,
    tags,
    group,
    cap,
    parallel,
    renderBlenderVersion,
    now: services.now(),
    checked,
  };
  const pace = mayFitSlices(planned) && (await services.findPace?.(planRender(planned), request.output));
  const plan = planRender({ ...planned, ...(pace && { pace }) });
  refuseBadPlan(plan);
  // Another process may have planned the same render meanwhile; its plan counts.
  const manifest = checkSame(await render.manifest.create(plan), request, render);
  const rebuilt = moved ? `the scene was in ${before.source.url}` : damage && messageOf(damage);
  return { render, manifest, ...(rebuilt !== undefined && { rebuilt }) };
}

/** Whether the plan is of the same scene and files in another folder of this machine. Throws `name-taken` if they differ. */
function hasMoved(
  plan: Manifest,
  request: PrepareRequest,
  render: Render,
  checked: Preflight,
  { setAsidePlan }: PrepareServices,
): boolean {
  const url = formatLocation(request.source.url);
  if (!setAsidePlan || plan.source.url === url || /:\/\//.test(url + plan.source.url)) return false;
  checkSame({ ...plan, source: { ...plan.source, url } }, request, render, checked);
  return true;
}

interface Checked {
  readonly facts: SceneExamination['facts'];
  readonly checked: Preflight;
}

async function check(
  { source, options, examination }: PrepareRequest,
  services: PrepareServices,
): Promise<Checked> {
  const { storage, place = 'farm', hasDisplay = false, hasOwnColors = false } = services;
  const file = printableName(formatLocation(source.url));
  const budget = new WalkBudget(place === 'farm' ? UPLOAD_SECONDS : undefined);
  const found =
    examination ?? (await examineScene(source.url, source.etag, storage, undefined, budget, options));
  const checked = preflight(found, {
    file,
    options,
    place,
    hasDisplay,
    hasOwnColors,
    ...(needsDenoiser(found, options) && { hasDenoiser: await services.hasDenoiser?.() }),
    blender: blenderFor(found.facts, services),
    placeFaults: targetFaults({ ...found.facts, options, source: { url: file } }, services, place),
  });
  refuseErrors(checked, file);
  return { facts: found.facts, checked };
}

/** Where the scene's files count, its folder does not: a project may move. */
async function ownIdOf(
  { source, options, output, filesCount }: PrepareRequest,
  files: Preflight['files'] = [],
  storage: Storage,
): Promise<string> {
  const digest = digestOfFiles(files);
  const etag = digest === undefined ? source.etag : `${source.etag}+${digest}`;
  const identity = { source: source.url, etag, options };
  if (!filesCount) return renderIdOf(identity);
  return movableRenderId(
    identity,
    async (id) => (await Render.at(output, id, storage).manifest.modifiedAt()) !== undefined,
  );
}

/** Throws `bad-plan` for a plan that no worker could read, before jobs are submitted. */
function refuseBadPlan(manifest: Manifest): void {
  parseJson(manifestSchema, Buffer.from(JSON.stringify(manifest)), (reason) => {
    const message = `cannot make a valid plan of ${printableName(manifest.source.url)}: ${reason}; change that in the scene or its options`;
    return new SpotreelError('bad-plan', 'scene', message);
  });
}

/** The existing plan, or its fault if `setAsidePlan` allows a new one. */
async function findPlan(
  render: Render,
  { setAsidePlan }: PrepareServices,
): Promise<{ readonly plan?: Manifest; readonly damage?: SpotreelError }> {
  try {
    const plan = await render.manifest.read();
    if (plan) return { plan };
  } catch (error) {
    if (error instanceof SpotreelError && error.code === 'bad-manifest' && setAsidePlan)
      return { damage: error };
    throw error;
  }
  const isBlocked = setAsidePlan && (await isFolder(render));
  return isBlocked ? { damage: render.manifest.unreadable('it is a folder') } : {};
}

/** Whether a folder has the plan's name. */
async function isFolder(render: Render): Promise<boolean> {
  const plan = render.nameOf(render.manifest.url);
  for await (const { name, object } of render.storage.listFolder(render.folder))
    if (!object && name === plan) return true;
  return false;
}

/**
 * Moves the plan away. The render's own id proves that frames are of the same film; a name given by the user does not.
 */
async function setAside(render: Render, isOwnId: boolean, { setAsidePlan }: PrepareServices): Promise<void> {
  if (!isOwnId && (await render.hasFrames())) {
    const where = render.location;
    const message = `the manifest.json in ${where} is damaged, and its frames may be of another scene, because the user named the render; delete ${where} or choose another name`;
    throw new SpotreelError('bad-manifest', 'scene', message);
  }
  await setAsidePlan?.(render);
}

/** A render id identifies one scene with its options; anything else under it would mix two films. */
function checkSame(
  manifest: Manifest,
  { source, options }: PrepareRequest,
  render: Render,
  checked?: Preflight,
): Manifest {
  const same =
    (!checked || digestOfFiles(manifest.dependencies ?? []) === digestOfFiles(checked.files)) &&
    manifest.source.url === formatLocation(source.url) &&
    manifest.source.etag === source.etag &&
    JSON.stringify(canonicalOptions(manifest.options)) === JSON.stringify(canonicalOptions(options));
  if (same) return manifest;
  throw new SpotreelError(
    'name-taken',
    'usage',
    `${render.location} holds a render of ${printableName(manifest.source.url)} with other options, or of another version of the scene or its files; choose another name`,
  );
}

/** One of the renders that a request makes. */
export interface CameraRender {
  readonly options: RenderOptions;
  readonly name?: string;
  /** The name that the renders of one request share. */
  readonly group?: string;
}

/**
 * One render for each camera in the options. Renders of several cameras share a group, and a given name gets the
 * camera's name appended. Throws `no-such-camera`. Pure.
 */
export function cameraRenders(
  identity: RenderIdentity,
  scene: SceneWithCameras,
  name?: string,
): CameraRender[] {
  const { options } = identity;
  const cameras = chooseCameras(scene, options);
  const named = name === undefined ? {} : { name };
  if (cameras.length < 2)
    return [{ options: { ...options, ...(cameras[0] && { camera: cameras[0] }) }, ...named }];
  const group = name ?? renderIdOf(identity);
  const slugs = cameras.map(slugText);
  return cameras.map((camera, i) => {
    const isUnique = slugs[i] !== '' && slugs.indexOf(slugs[i]!) === slugs.lastIndexOf(slugs[i]!);
    const ending = isUnique ? slugs[i]! : String(i + 1);
    return {
      options: { ...options, camera },
      ...(name !== undefined && { name: `${name}-${ending}` }),
      group,
    };
  });
}

/**
 * Sets a render's cost cap. The later request counts, so a late or repeated event changes nothing. Throws
 * `cap-contended` (passing).
 */
export async function setCap(cap: CostCap, render: Pick<Render, 'cap'>): Promise<void> {
  await render.cap.update((before) => (before && before.at >= cap.at ? undefined : cap));
}
