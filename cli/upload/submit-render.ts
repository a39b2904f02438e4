import { randomUUID } from 'node:crypto';
import { BatchClient } from '@aws-sdk/client-batch';
import { SSMClient } from '@aws-sdk/client-ssm';
import { SpotreelError } from '../../core/errors';
import { AwsBatch } from '../../core/jobs/aws-batch';
import { readFarm } from '../../core/jobs/aws-farm';
import {
  blenderFor,
  type FarmDescription,
  farmTargets,
  type JobTargets,
  targetFaults,
} from '../../core/jobs/farm';
import { cameraRenders, type RenderRequest, submitRender as submitJobs } from '../../core/jobs/submit';
import type { Finding } from '../../core/render/manifest';
import { formatTags, type RenderOptions, type Tags } from '../../core/render/options';
import type { EarlierRenders } from '../../core/render/render';
import { describeSlicing } from '../../core/render/slices';
import { preflight, type Preflight, refuseErrors } from '../../core/scene/findings/preflight';
import type { SceneExamination } from '../../core/scene/project/examine';
import { cacheFolder } from '../../core/storage/file-writes';
import {
  childUrl,
  formatLocation,
  keyUrl,
  type ObjectHead,
  parseLocation,
  type Storage,
} from '../../core/storage/storage';
import { countOf, formatUsd, printableName } from '../../core/text';
import { refuseAbove } from '../estimate/estimate-shot';
import { farmPrices, sizeOf } from '../estimate/farm';
import { type Shot, TEST_FRAMES } from '../estimate/test-shot';
import type { Meter } from '../output';
import { paceOnFarm } from '../estimate/pace';
import { findSource, ocioOption, placeFlags, renderOptionsOf } from '../place';
import { examineForUpload, openUploadStorage, type UploadedProject, uploadProject } from './upload';
import { beginUpload, type BegunUpload, type UploadView } from './upload-files';

/** A scene to render on a farm, as `spotreel submit` takes it. */
export interface SubmitRequest {
  /** A `.blend` of this machine, or `s3://bucket/key`. */
  readonly scene: string;
  /**
   * Name of the deployed farm.
   * @default - the variable SPOTREEL_FARM_NAME, or else `main`
   */
  readonly farm?: string;
  /**
   * What to render and how; `ocio` is a path of this machine or `ocio://name`.
   * @default - everything as in the scene
   */
  readonly options?: RenderOptions;
  /**
   * Name of the render, and of its folder.
   * @default - from the file, its content and the options
   */
  readonly name?: string;
  /** Cost allocation tags, such as `{ artist: 'ann' }`. */
  readonly tags?: Tags;
  /**
   * US dollars at which the farm stops the render and keeps its frames. Several cameras share it.
   * @default - no cap
   */
  readonly maxUsd?: number;
  /**
   * With `maxUsd`: frames to render here first, if there is a Blender; 0: none.
   * @default 3
   */
  readonly testFrames?: number;
  /**
   * The folder from which files may be uploaded.
   * @default - the scene's folder, and other files after `SubmitView.confirm`
   */
  readonly project?: string;
  /**
   * Where renders go: `s3://bucket/prefix`.
   * @default - the farm's folder
   */
  readonly output?: string;
  /** @default - the farm's queue */
  readonly jobQueue?: string;
  /** For both jobs. @default - the farm's definitions */
  readonly jobDefinition?: string;
}

/** A render whose jobs are submitted, now or by an earlier call with the same scene and options. */
export interface SubmittedRender {
  readonly renderId: string;
  /** Its folder, such as `s3://bucket/renders/shot-1a2b3c4d/`. */
  readonly location: string;
  /** The answers of AWS Batch. */
  readonly jobs: {
    readonly render: { readonly jobId: string };
    readonly stitch: { readonly jobId: string };
  };
  readonly frameCount: number;
  readonly sliceCount: number;
  /** The Blender that renders; absent if it is unknown. */
  readonly blenderVersion?: string;
}

/** A file outside the scene's folder that the scene needs. */
export interface FileOutside {
  readonly path: string;
  /** Its path after following links. */
  readonly realPath: string;
  /** Bytes. */
  readonly size: number;
}

/** How a submission asks and reports. All are optional: without them, nothing is asked or shown. */
export interface SubmitView {
  /** Receives each line of progress. */
  readonly say?: (line: string) => void;
  /** Shows the progress of the upload. */
  readonly meter?: Meter;
  /** Receives the findings about the scene. */
  readonly found?: (findings: readonly Finding[]) => void;
  /**
   * Whether these files outside the scene's folder may be uploaded; called once, also if there are none.
   * @default - no file outside may be uploaded
   */
  readonly confirm?: (outside: readonly FileOutside[]) => Promise<boolean>;
  /** Runs the test frames with a signal that stops them. */
  readonly test?: <T>(run: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** Receives each render as soon as its jobs are submitted. */
  readonly submitted?: (render: SubmittedRender) => void;
}

/** Where jobs go and which machines they need, from the flags and, for the rest, from the deployed farm. */
interface Target extends JobTargets {
  readonly output: URL;
  /** Absent without a farm: a scene on this machine cannot be uploaded then. */
  readonly uploads?: URL;
  /** Absent if no farm was looked up. */
  readonly farm?: FarmDescription;
  /** Whether `output` is the farm's own folder. */
  readonly isOwnFolder: boolean;
}

/** Slices at once if the size of the compute environment is unknown: the default of 256 vCPUs, 4 per slice. */
const USUAL_PARALLEL = 64;

/** Seconds after which the claim of a command line that was killed while submitting expires. */
const CLAIM_STALE_AFTER_SECONDS = 120;

const QUIET: Required<SubmitView> = {
  say: () => undefined,
  meter: { show: () => undefined, stop: () => undefined },
  found: () => undefined,
  confirm: (outside) => Promise.resolve(outside.length === 0),
  test: (run) => run(new AbortController().signal),
  submitted: () => undefined,
};

/**
 * Uploads a scene with its files, and submits a render for each camera that is asked for. Another call with the same
 * scene and options submits nothing twice. Resolves to an empty list if `view` declined the upload or stopped the test
 * frames. Throws `PreflightError` for a scene that cannot render, and other `SpotreelError`s: `no-farm`, `denied`,
 * `over-cap` and others.
 */
export async function submitRender(
  request: SubmitRequest,
  view: SubmitView = {},
): Promise<readonly SubmittedRender[]> {
  const shown = { ...QUIET, ...view };
  const { options: flags = {}, project, name, tags } = request;
  const asked = renderOptionsOf(flags);
  const storage = openUploadStorage(cacheFolder());
  const source = await findSource(request.scene, storage);
  const options = { ...asked, ...ocioOption(flags.ocio, source.url) };
  const target = await findTarget(request);
  if (source.url.protocol !== 's3:' && !target.uploads) throw nowhereToGo(source);
  const begun =
    source.url.protocol !== 's3:' && target.uploads
      ? beginUpload(source, target.uploads, storage, uploadView(shown))
      : undefined;
  const { examination, outside } = await examineForUpload(source, project, storage, options);
  const checked = refusedOr(source, examination, options, target);
  shown.found(checked.findings);
  if (!(await shown.confirm(outside))) {
    shown.say('nothing was uploaded');
    return [];
  }
  const identity = { source: source.url, etag: source.etag, options };
  const renders = cameraRenders(identity, examination, name);
  const perRender = shareOfCap(request, renders.length, shown);
  const caps: Array<RenderRequest['cap']> = [];
  for (const render of renders) {
    const shot = { source, options: render.options, examination, checked };
    const cap = await capOf(shot, perRender, target, storage, shown);
    if (cap === 'stopped') return [];
    caps.push(cap);
  }
  const found = await inBucket({ source, examination }, target, storage, shown, begun);
  const submitted: SubmittedRender[] = [];
  // Looked up once for all cameras.
  const earlier: EarlierRenders = new Map();
  for (const [i, render] of renders.entries()) {
    if (render.group !== undefined) shown.say(`camera ${printableName(render.options.camera ?? '')}:`);
    const jobs = { ...found, output: target.output, ...render, tags, cap: caps[i] };
    const shot = { source, options: render.options, examination, checked };
    submitted.push(await submitOne(jobs, shot, { ...target, earlier }, storage, shown));
  }
  return submitted;
}

async function submitOne(
  request: Omit<RenderRequest, 'reuse'>,
  shot: Shot,
  { earlier, ...target }: Target & { readonly earlier: EarlierRenders },
  storage: Storage,
  { say, submitted }: Required<SubmitView>,
): Promise<SubmittedRender> {
  const { tags = {} } = request;
  const { jobs, render, manifest } = await submitJobs(
    { ...request, reuse: 'unfailed', filesCount: true },
    {
      ...target,
      hasOwnColors: target.farm?.hasOcio,
      findPace: (plan, output) =>
        paceOnFarm(plan, output, shot, target.farm?.machines?.renderVcpus, storage, earlier),
      storage,
      batch: new AwsBatch(new BatchClient({})),
      now: () => new Date(),
      claim: { owner: randomUUID(), staleAfterSeconds: CLAIM_STALE_AFTER_SECONDS },
    },
  );
  const { renderId, frameCount, sliceCount, renderBlenderVersion } = manifest;
  const keptTags = formatTags(manifest.tags ?? {});
  if (keptTags !== formatTags(tags))
    say(`the render was planned before and keeps its tags: ${keptTags || 'none'}`);
  const by = renderBlenderVersion === undefined ? '' : ` by Blender ${renderBlenderVersion}`;
  say(
    `${renderId}: ${countOf(frameCount, 'frame')} in ${countOf(sliceCount, 'slice')}${by}; results will be in ${render.location}`,
  );
  say(describeSlicing(manifest));
  const place = target.isOwnFolder ? ` --farm ${target.farm?.name}` : placeFlags(target.output);
  say(`to watch it, run: spotreel watch ${renderId}${place}`);
  const { location } = render;
  const blender = renderBlenderVersion === undefined ? {} : { blenderVersion: renderBlenderVersion };
  const done = { renderId, location, jobs, frameCount, sliceCount, ...blender };
  submitted(done);
  return done;
}

/** The cap of each render: all renders together share that of the request. */
function shareOfCap(
  { maxUsd, testFrames }: SubmitRequest,
  count: number,
  { say }: Required<SubmitView>,
): Cap {
  if (maxUsd === undefined || count < 2) return { maxUsd, testFrames };
  say(`each of ${count} renders may cost ${formatUsd(maxUsd / count)} USD, its share of --max-cost`);
  return { maxUsd: maxUsd / count, testFrames };
}

type Cap = Pick<SubmitRequest, 'maxUsd' | 'testFrames'>;

async function findTarget(request: SubmitRequest): Promise<Target> {
  const { jobQueue: queue, jobDefinition: definition, output } = request;
  if (queue !== undefined && definition !== undefined && output !== undefined) {
    const named = { jobQueue: queue, parallel: USUAL_PARALLEL };
    // Only the name of the job definition is known: its worker refuses what it does not allow.
    const unknown = { gpu: named, allowsScripts: true };
    return { ...named, ...unknown, ...byHand(definition), output: outputOf(output), isOwnFolder: false };
  }
  const farm = await readFarm(request.farm ?? process.env.SPOTREEL_FARM_NAME ?? 'main', new SSMClient({}));
  const bucket = keyUrl('s3:', farm.bucket, '');
  const targets = farmTargets(farm);
  const { gpu } = targets;
  const own = childUrl(bucket, farm.outputPrefix);
  const place = output === undefined ? own : outputOf(output);
  return {
    ...targets,
    ...(queue !== undefined && { jobQueue: queue, gpu: gpu && { ...gpu, jobQueue: queue } }),
    ...(definition !== undefined && byHand(definition)),
    output: place,
    isOwnFolder: place.href === own.href,
    uploads: childUrl(bucket, farm.uploadPrefix),
    farm,
  };
}

/** The cost cap, if any; `stopped` if the test frames were stopped. */
async function capOf(
  shot: Shot,
  { maxUsd, testFrames = TEST_FRAMES }: Cap,
  target: Target,
  storage: Storage,
  { say, test }: Required<SubmitView>,
): Promise<RenderRequest['cap'] | 'stopped'> {
  if (maxUsd === undefined) return undefined;
  const onGpu = shot.options.device === 'GPU';
  const farm = sizeOf(watchingFarm(target), onGpu);
  const prices = await farmPrices(farm, onGpu);
  const ended = await test((signal) =>
    refuseAbove(shot, { maxUsd, testFrames, farm, prices, storage, signal, say }),
  );
  if (ended === 'stopped') {
    say('stopped: nothing was submitted');
    return ended;
  }
  const { spot, onDemand, source, at, region } = prices.render;
  const lookedUp = source === 'account' && { prices: { spot, onDemand, source, at, region } };
  return { maxUsd, at: new Date().toISOString(), ...lookedUp };
}

/** The farm that enforces cost caps. Throws `bad-usage` without one. */
function watchingFarm({ farm, isOwnFolder }: Target): FarmDescription {
  const isOwn = farm && isOwnFolder;
  if (isOwn && farm.capPrefix !== undefined) return farm;
  const why = isOwn
    ? `farm ${farm.name} was deployed by an earlier version without cost caps: deploy it again`
    : 'only a farm enforces cost caps, and only in its own folder: leave out -o (and one of -q and -d)';
  throw new SpotreelError('bad-usage', 'usage', `--max-cost: ${why}`);
}

/** One definition for both jobs; the Blender of its image and its GPUs are unknown. */
function byHand(jobDefinition: string): Pick<JobTargets, 'renderDefinitions' | 'stitchDefinition'> {
  const renderDefinitions = [{ jobDefinition, gpuJobDefinition: jobDefinition }];
  return { renderDefinitions, stitchDefinition: jobDefinition };
}

function outputOf(text: string): URL {
  const url = parseLocation(text, process.cwd());
  if (url.protocol === 's3:') return url;
  throw new SpotreelError(
    'bad-output',
    'usage',
    `-o ${text} is not an S3 location; give s3://bucket or s3://bucket/prefix`,
  );
}

/** Examines a scene before anything is uploaded. Throws `PreflightError`. */
function refusedOr(
  { url }: ObjectHead,
  examination: SceneExamination,
  options: RenderOptions,
  target: Target,
): Preflight {
  const file = formatLocation(url);
  const checked = preflight(examination, {
    file,
    options,
    place: 'farm',
    hasDisplay: false,
    hasOwnColors: target.farm?.hasOcio,
    blender: blenderFor(examination.facts, target),
    placeFaults: targetFaults({ ...examination.facts, options, source: { url: file } }, target, 'farm'),
  });
  refuseErrors(checked, file);
  return checked;
}

async function inBucket(
  found: UploadedProject,
  { uploads }: Target,
  storage: Storage,
  shown: Required<SubmitView>,
  begun: BegunUpload | undefined,
): Promise<UploadedProject> {
  if (found.source.url.protocol === 's3:' || !uploads) return found;
  return uploadProject(found.source, found.examination, uploads, storage, uploadView(shown), begun);
}

function uploadView({ say, meter }: Required<SubmitView>): UploadView {
  return { say, meter, now: Date.now, cache: cacheFolder() };
}

function nowhereToGo({ url }: ObjectHead): SpotreelError {
  const message = `${formatLocation(url)} is on this machine: give s3://bucket/key, or leave out one of -q, -d and -o to use the farm's bucket`;
  return new SpotreelError('bad-usage', 'usage', message);
}
