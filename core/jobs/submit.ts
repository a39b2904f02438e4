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
import { type Finding, type Manifest, manifestSchema } from '../render/manifest';
import type { RenderOptions, Tags } from '../render/options';
import type { CostCap, RenderJobs, RenderStatus } from '../render/records';
import { Render } from '../render/render';
import type { RenderPlace } from '../scene/findings/dependencies';
import { needsDenoiser } from '../scene/findings/scene';
import { chooseCameras, planRender, type SceneWithCameras } from '../scene/plan';
import { digestOfFiles, preflight, type Preflight, PreflightError, refuseErrors } from '../scene/preflight';
import { UPLOAD_SECONDS, WalkBudget } from '../scene/project/dependencies';
import { examineScene, type SceneExamination } from '../scene/project/examine';
import { formatLocation, type ObjectHead, type Storage, StorageError } from '../storage/storage';
import { printableLine, printableName } from '../text';
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

/**
 * The same again would end the same way, and the uploader can fix it. Only the farm's owner can fix a missing permission. A name
 * of which no URL can be made (`bad-url`) comes from the upload.
 */
export function isUploadsFault(error: unknown): error is SpotreelError {
  if (!(error instanceof SpotreelError) || error.code === 'denied') return false;
  if (error instanceof StorageError) return error.code === 'bad-url';
  return error.kind === 'scene' || error.kind === 'usage';
}

/** Faults of a render that lies in the folder already. */
const OTHERS: ReadonlySet<string> = new Set(['name-taken', 'bad-manifest', 'newer-manifest']);

/**
 * The render that a refused upload would have been, and its status, which the caller writes. `wishes` are absent if they
 * are at fault. Pure.
 */
export function refusalOf(
  { url, etag }: Pick<ObjectHead, 'url' | 'etag'>,
  wishes: Pick<RenderRequest, 'options' | 'name'> | undefined,
  error: SpotreelError,
  services: { readonly output: URL; readonly storage: Storage; readonly now: () => Date },
): { readonly render: Render; readonly status: RenderStatus } {
  const { code } = error;
  const { options = {}, name } = wishes ?? {};
  // That name or id may be the folder of another render, whose status this refusal must not touch.
  const isOthers = wishes === undefined || OTHERS.has(code);
  const ownId = renderIdOf({ source: url, etag: isOthers ? `${etag}+${code}` : etag, options });
  const renderId = (isOthers ? undefined : name) ?? ownId;
  const render = Render.at(services.output, renderId, services.storage);
  const status: RenderStatus = {
    version: 1,
    renderId,
    state: 'refused',
    at: services.now().toISOString(),
    source: { url: formatLocation(url), etag },
    ...told(error),
    links: { folder: render.location },
  };
  return { render, status };
}

/** Characters of a reason. */
const LONGEST_REASON = 4096;

/** The reason in one line, and each finding by itself. */
function told(error: SpotreelError): { reason: string; findings: Finding[] } {
  const { code } = error;
  // A message may quote a key of the bucket or a name of the scene.
  const message = printableLine(error.message, LONGEST_REASON);
  if (!(error instanceof PreflightError)) return { reason: message, findings: [{ code, message }] };
  const { headline, findings } = error;
  // With the first one in it, so that a second refusal for another reason is told from the same one told twice.
  const reason = code === 'preflight' ? `${headline}, the first: ${findings[0]?.message}` : headline;
  return { reason: printableLine(reason, LONGEST_REASON), findings: [...findings] };
}

/** An object has been created, and what the user wants of it. */
export interface RenderRequest {
  readonly source: Pick<ObjectHead, 'url' | 'etag' | 'size'>;
  /** The folder under which the render's own folder lies. */
  readonly output: URL;
  readonly options: RenderOptions;
  /** By whom and for what, as the bill may tell it; what was planned before keeps its own. */
  readonly tags?: Tags | undefined;
  /** What it may cost; noted before any job is submitted. */
  readonly cap?: Pick<CostCap, 'maxUsd' | 'at' | 'prices'> | undefined;
  /**
   * Whether the cap is part of the plan, and so holds only if this request plans the render. It is for uploads: everybody who may
   * upload could repeat another person's upload with a cap of their own.
   */
  readonly capIsPlanned?: boolean;
  /** A name given by hand, in place of the render id made from the source. */
  readonly name?: string;
  /** Of the renders of several cameras; no part of what makes a render the same. */
  readonly group?: string;
  readonly reuse: Reuse;
  /** What is known of the scene; it is read where this is absent. */
  readonly examination?: SceneExamination;
  /**
   * Whether the files that the scene needs make another render, too. They do for a person who asks again after mending one;
   * an event that comes again must mean the same render whatever has come beside the scene since.
   */
  readonly filesCount?: boolean;
}

export interface SubmitServices extends JobServices {
  readonly storage: Storage;
  /** Where it will be rendered; the farm by default. */
  readonly place?: RenderPlace;
  /** Whether engines that draw on a screen have one there. */
  readonly hasDisplay?: boolean;
  /** Whether `OCIO` names a colour configuration there. */
  readonly hasOwnColors?: boolean | undefined;
  /** Asks whether the Blender there has OpenImageDenoise; called for scenes to which that matters. Absent for the farm's, which has. */
  readonly hasDenoiser?: () => Promise<boolean | undefined>;
  /**
   * Moves a plan out of the way that is damaged, or of a scene that has moved, so that it is made again. Throws where a process uses it. Absent where a damaged plan is an
   * error, as in a bucket, which tears no files.
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
  /** Why the plan before could not be used, where one was set aside. */
  readonly rebuilt?: string;
}

type PrepareRequest = Omit<RenderRequest, 'reuse'>;

/**
 * Plans a render and submits its two jobs: the one use case behind an upload, the command line and a local render.
 * Safe to run twice, at the same moment or after it was cut off between any two calls: the manifest is written only
 * once, and so is the pair of jobs (see `ensureJobs`).
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

/** The plan's cap until jobs have been submitted. From then on the cap belongs to those who may write to `caps/`. */
async function firstCap(render: Render, { cap }: Manifest): Promise<Manifest['cap']> {
  return cap && !(await render.jobs.readIfValid()) ? cap : undefined;
}

/**
 * The first half: the render's folder with its manifest in it, made now or before. Throws what is wrong with the scene (a
 * `PreflightError` with all of it), with the options, and `name-taken`; nothing has been submitted by then.
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
    // Another render is none of this request's, whatever it needs.
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
  };
  const plan = planRender({ ...planned, now: services.now(), checked });
  refuseBadPlan(plan);
  // Another process may have planned the same render meanwhile. Its plan counts.
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

/** A plan that no worker can read must fail here, before its jobs are submitted. */
function refuseBadPlan(manifest: Manifest): void {
  parseJson(manifestSchema, Buffer.from(JSON.stringify(manifest)), (reason) => {
    const message = `no valid plan can be made of ${printableName(manifest.source.url)} (${reason}); change that in the scene or its options`;
    return new SpotreelError('bad-plan', 'scene', message);
  });
}

/** The existing plan, or what is wrong with it if `setAsidePlan` allows to make another one. */
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

/** The render's own id means the same film. Under a name given by hand, the stored frames may be of another film. */
async function setAside(render: Render, isOwnId: boolean, { setAsidePlan }: PrepareServices): Promise<void> {
  if (!isOwnId && (await render.hasFrames())) {
    const where = render.location;
    const message = `the manifest.json in ${where} is damaged, and its frames may be of another scene, because the render has a name given by hand; delete ${where} or choose another name`;
    throw new SpotreelError('bad-manifest', 'scene', message);
  }
  await setAsidePlan?.(render);
}

/** A render id names one scene with one set of options: anything else under it would mix two films. */
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
    `${render.location} holds a render of ${printableName(manifest.source.url)} with other options, or of another version of it or of its files; choose another name`,
  );
}

/** One of the renders that a request makes. */
export interface CameraRender {
  readonly options: RenderOptions;
  readonly name?: string;
  /** What the renders of one request have in common. */
  readonly group?: string;
}

/**
 * The renders that options make: one for each camera that they name. The renders of several cameras have a group, and a name
 * given by hand with the camera behind it. Throws `no-such-camera`. Pure.
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
 * Sets what a render may cost. The later request wins, so an event that comes late or twice changes nothing. Throws
 * `cap-contended` (passing).
 */
export async function setCap(cap: CostCap, render: Pick<Render, 'cap'>): Promise<void> {
  await render.cap.update((before) => (before && before.at >= cap.at ? undefined : cap));
}
