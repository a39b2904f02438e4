import { randomUUID } from 'node:crypto';
import { BatchClient } from '@aws-sdk/client-batch';
import { SSMClient } from '@aws-sdk/client-ssm';
import type { Command } from 'commander';
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
import { cameraRenders, type RenderRequest, submitRender } from '../../core/jobs/submit';
import { formatTags, parseTags, type RenderOptions } from '../../core/render/options';
import { REQUEST_PARTS } from '../../core/render/upload-options';
import { preflight, type Preflight, refuseErrors } from '../../core/scene/preflight';
import type { SceneExamination } from '../../core/scene/project/examine';
import { openStorage } from '../../core/storage/open-storage';
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
import { explain, type Run, usDollars, withRenderOptions, withUploadOptions, zeroOrMore } from '../help';
import { createMeter, listenForStop, reportFindings, say } from '../output';
import { findSource, ocioOption, type OptionFlags, placeFlags, renderOptionsOf } from '../place';
import {
  confirmUploads,
  examineForUpload,
  type UploadedProject,
  type UploadFlags,
  uploadProject,
  type UploadView,
} from '../upload';

interface SubmitFlags extends OptionFlags, UploadFlags {
  readonly input?: string;
  readonly output?: string;
  readonly name?: string;
  readonly queue?: string;
  readonly definition?: string;
  /** `name=value` each. */
  readonly tag?: readonly string[];
  readonly farm: string;
  /** US dollars. */
  readonly maxCost?: number;
  readonly testFrames: number;
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

/**
 * `spotreel submit FILE|s3://…`: submits a scene as an upload would. Prints one line of JSON on standard output, the
 * SubmitJob answers of render and video job, and all else on standard error. Returns the exit code.
 */
export async function submitCommand(file: string | undefined, flags: SubmitFlags): Promise<number> {
  const asked = renderOptionsOf(flags);
  const tags = parseTags(flags.tag ?? []);
  const storage = openStorage();
  const source = await findSource(inputOf(file, flags), storage);
  const options = { ...asked, ...ocioOption(flags.ocio, source.url) };
  const target = await findTarget(flags);
  if (source.url.protocol !== 's3:' && !target.uploads) throw nowhereToGo(source);
  const { examination, outside } = await examineForUpload(source, flags.project, storage, options);
  const checked = refusedOr(source, examination, options, target);
  reportFindings(checked.findings);
  if (!(await confirmUploads(outside, flags.yes === true, say))) {
    say('nothing was uploaded');
    return 1;
  }
  const identity = { source: source.url, etag: source.etag, options };
  const renders = cameraRenders(identity, examination, flags.name);
  const perRender = shareOfCap(flags, renders.length);
  const caps: Array<RenderRequest['cap']> = [];
  for (const render of renders) {
    const shot = { source, options: render.options, examination, checked };
    const cap = await capOf(shot, perRender, target, storage);
    if (cap && 'exitCode' in cap) return cap.exitCode;
    caps.push(cap);
  }
  const found = await inBucket({ source, examination }, target, storage);
  for (const [i, render] of renders.entries()) {
    if (render.group !== undefined) say(`camera ${printableName(render.options.camera ?? '')}:`);
    await submitOne({ ...found, output: target.output, ...render, tags, cap: caps[i] }, target, storage);
  }
  return 0;
}

async function submitOne(
  request: Omit<RenderRequest, 'reuse'>,
  target: Target,
  storage: Storage,
): Promise<void> {
  const { tags = {} } = request;
  const { jobs, render, manifest } = await submitRender(
    { ...request, reuse: 'unfailed', filesCount: true },
    {
      ...target,
      hasOwnColors: target.farm?.hasOcio,
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
  const place = target.isOwnFolder ? ` --farm ${target.farm?.name}` : placeFlags(target.output);
  say(`to watch it, run: spotreel watch ${renderId}${place}`);
  process.stdout.write(`${JSON.stringify([jobs.render, jobs.stitch])}\n`);
}

/** All renders together share the cap. */
function shareOfCap(flags: SubmitFlags, count: number): SubmitFlags {
  if (flags.maxCost === undefined || count < 2) return flags;
  const maxCost = flags.maxCost / count;
  say(`each of ${count} renders may cost ${formatUsd(maxCost)} USD, its share of --max-cost`);
  return { ...flags, maxCost };
}

function inputOf(file: string | undefined, { input }: SubmitFlags): string {
  if ((file === undefined) === (input === undefined)) {
    throw new SpotreelError(
      'bad-usage',
      'usage',
      'name one scene, as FILE or with -i: a file or s3://bucket/key',
    );
  }
  return (file ?? input)!;
}

async function findTarget(flags: SubmitFlags): Promise<Target> {
  const { queue, definition, output } = flags;
  if (queue !== undefined && definition !== undefined && output !== undefined) {
    const named = { jobQueue: queue, parallel: USUAL_PARALLEL };
    // Only the name of the job definition is known: its worker refuses what it does not allow.
    const unknown = { gpu: named, allowsScripts: true };
    return { ...named, ...unknown, ...byHand(definition), output: outputOf(output), isOwnFolder: false };
  }
  const farm = await readFarm(flags.farm, new SSMClient({}));
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

/** The cost cap, if any; the exit code if the test frames were interrupted. */
async function capOf(
  shot: Shot,
  { maxCost: maxUsd, testFrames }: SubmitFlags,
  target: Target,
  storage: Storage,
): Promise<NonNullable<RenderRequest['cap']> | { readonly exitCode: number } | undefined> {
  if (maxUsd === undefined) return undefined;
  const onGpu = shot.options.device === 'GPU';
  const farm = sizeOf(watchingFarm(target), onGpu);
  const prices = await farmPrices(farm, onGpu);
  const stopping = listenForStop();
  try {
    const check = { maxUsd, testFrames, farm, prices, storage, signal: stopping.signal, say };
    if ((await refuseAbove(shot, check)) === 'stopped') {
      say('stopped: nothing was submitted');
      return { exitCode: stopping.exitCode() };
    }
  } finally {
    stopping.release();
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
): Promise<UploadedProject> {
  if (found.source.url.protocol === 's3:' || !uploads) return found;
  return uploadProject(found.source, found.examination, uploads, storage, uploadView());
}

function nowhereToGo({ url }: ObjectHead): SpotreelError {
  const message = `${formatLocation(url)} is on this machine: give s3://bucket/key, or leave out one of -q, -d and -o to use the farm's bucket`;
  return new SpotreelError('bad-usage', 'usage', message);
}

function uploadView(): UploadView {
  return { say, meter: createMeter(process.stderr, Date.now), now: Date.now };
}

export function addSubmit(command: Command, run: Run): void {
  command
    .argument('[file]', '.blend file or s3://bucket/key')
    .option('-i, --input <location>', 'same as [file]')
    .option('-o, --output <location>', "s3://bucket or s3://bucket/prefix for renders (default: the farm's)")
    .option('-q, --queue <name>', "job queue (default: the farm's)")
    .option('-d, --definition <name>', "job definition of both jobs (default: the farm's)")
    .option(
      REQUEST_PARTS.tags.flag,
      REQUEST_PARTS.tags.help,
      (tag: string, before: readonly string[] | undefined) => [...(before ?? []), tag],
    )
    .option('--farm <name>', 'deployed farm', process.env.SPOTREEL_FARM_NAME ?? 'main')
    .option(REQUEST_PARTS['max-cost'].flag, REQUEST_PARTS['max-cost'].help, usDollars)
    .option(
      '--test-frames <n>',
      'with --max-cost: test frames to render here first, if there is a Blender; 0 for none',
      zeroOrMore,
      TEST_FRAMES,
    )
    .action((file: string | undefined, flags: SubmitFlags) => run(async () => submitCommand(file, flags)));
  explain(withUploadOptions(withRenderOptions(command)), {
    notes:
      'Prints one line of JSON per render: the answers of AWS Batch for the render job and the video job. ' +
      'Standard error shows the id of the render, and the command to watch it. ' +
      'Hidden files and unknown types of files are never uploaded; --force submits the scene without them.',
    exitCodes: [
      [0, 'submitted, now or earlier'],
      [1, 'refused, too expensive, or not confirmed'],
      [2, "wrong usage, or files outside the scene's folder and no terminal to confirm them"],
      [130, 'interrupted during test frames; nothing was submitted'],
    ],
    examples: [
      'spotreel submit shot.blend',
      'spotreel submit shot.blend --tag artist=ann --tag shot=12',
      'spotreel submit film/shots/shot.blend --project film   with textures in film/textures',
      'spotreel submit shot.blend --max-cost 5   submit again with a higher cap to raise it',
      'spotreel submit s3://bucket/shot.blend -o s3://bucket -q queue -d definition',
      "spotreel submit shot.blend | jq -r '.[0].jobId'",
    ],
  });
}
