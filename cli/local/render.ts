import { isEnded } from '../../core/jobs/batch';
import { chooseTargets } from '../../core/jobs/farm';
import { retryRender } from '../../core/jobs/retry';
import {
  prepareRender,
  type RenderRequest,
  submitRender,
  type SubmitServices,
  type SubmittedRender,
} from '../../core/jobs/submit';
import type { LocalBatch } from '../../core/local-batch/local-batch';
import { describeLacking, type FailedFrame, formatFrames, groupReasons } from '../../core/render/frames';
import type { Finding, Manifest } from '../../core/render/manifest';
import type { RenderOptions } from '../../core/render/options';
import { type Gaps, type RenderJobs, salvageJobName } from '../../core/render/records';
import type { Render } from '../../core/render/render';
import { type AskedFrames, chooseRetry } from '../../core/render/slices';
import { formatFrameRate } from '../../core/render/video';
import { plannedVideo } from '../../core/scene/plan';
import { examineScene, type SceneExamination } from '../../core/scene/project/examine';
import { formatLocation, type ObjectHead, type Storage } from '../../core/storage/storage';
import { countOf, formatSeconds, printable } from '../../core/text';
import { describeFinding } from '../output';
import { linesToOpen, placeFlags } from '../place';
import {
  denoiserQuestion,
  findPrograms,
  hasOwnColors,
  keptPace,
  localTargets,
  type Machine,
  unconfinedScripts,
} from './farm';
import { setAsidePlan } from './repair';
import { type LocalWork, type ProgressView, type RenderOutcome, runLocally } from './run';

export interface LocalRenderOptions {
  readonly source: ObjectHead;
  /** The examined scene; absent to read it. */
  readonly examination?: SceneExamination;
  /** Folder of this machine for the folder of the render. */
  readonly output: URL;
  readonly options: RenderOptions;
  readonly name?: string;
  /** Group of the renders of several cameras. */
  readonly group?: string;
  /** Whether changed files of the scene make another render; see `RenderRequest`. */
  readonly filesCount: boolean;
  readonly machine: Machine;
  /** Whether scenes may run their scripts if their options ask for it. */
  readonly allowsScripts: boolean;
  readonly storage: Storage;
  /** Whether there is a display for engines that need one. */
  readonly hasDisplay: boolean;
  /** Gets warnings and repairs before anything is rendered. */
  readonly report: (findings: readonly Finding[]) => void;
  readonly view: ProgressView;
}

/** A render on this machine: checks and submits it as the upload handler does, and runs its jobs in a local Batch. */
export class LocalRender {
  private readonly interrupted = new AbortController();

  constructor(private readonly options: LocalRenderOptions) {}

  /** Stops the render and keeps its frames; `run` then ends with `interrupted`. */
  interrupt(): void {
    this.interrupted.abort();
  }

  /** Renders to the end. Throws faults of the scene before any job is submitted. */
  async run(): Promise<RenderOutcome> {
    const { storage, machine, allowsScripts, source, filesCount, hasDisplay, report } = this.options;
    const known = this.options.examination;
    // Read the scene while the programs answer. Their faults come first.
    const finding = findPrograms(process.env, this.options.options.video);
    const examining =
      known === undefined && filesCount
        ? examineScene(source.url, source.etag, storage, undefined, undefined, this.options.options)
        : undefined;
    examining?.catch(() => undefined);
    const programs = await finding;
    const services = {
      storage,
      now: () => new Date(),
      ...localTargets(programs.blenderVersion, machine, allowsScripts),
      place: 'here',
      hasDisplay,
      hasOwnColors: hasOwnColors(process.env),
      hasDenoiser: denoiserQuestion(process.env),
      setAsidePlan,
      findPace: (plan: Manifest, output: URL) => keptPace(plan, output, storage, machine),
    } as const;
    const examination = known ?? (await examining);
    const request = { ...this.options, ...(examination && { examination }) };
    const { render, manifest, rebuilt } = await prepareRender(request, services);
    report([
      ...(rebuilt === undefined ? [] : [rebuiltFinding(rebuilt)]),
      ...(manifest.findings ?? []),
      ...unconfinedScripts(manifest.options, process.env),
    ]);
    const { view } = this.options;
    const { signal } = this.interrupted;
    return runLocally({
      ...{ render, manifest, programs, machine, allowsScripts },
      ...{ view, signal, report },
      submit: async (batch) => (await this.submit(request, { ...services, batch })).jobs,
    });
  }

  /** A succeeded job counts only while its results exist. */
  private async submit(
    request: Omit<RenderRequest, 'reuse'>,
    services: SubmitServices,
  ): Promise<SubmittedRender> {
    const submitted = await submitRender({ ...request, reuse: 'unfailed' }, services);
    const [stitch] = await services.batch.describeJobs([submitted.jobs.stitch.jobId]);
    if (stitch?.status !== 'SUCCEEDED' || (await isComplete(submitted))) return submitted;
    return submitRender({ ...request, reuse: 'unfinished' }, services);
  }
}

const rebuiltFinding = (damage: string): Finding => ({
  code: 'repaired',
  severity: 'note',
  message: `the render was planned again, and its frames are kept: ${damage.replace(/; .*/, '')}`,
});

async function isComplete({ manifest, render }: SubmittedRender): Promise<boolean> {
  const stored = await render.storedFrames(manifest);
  const video = plannedVideo(manifest);
  if (stored.size < manifest.frameCount) return false;
  return video === 'none' || (await render.storage.head(render.videoUrl(video))) !== undefined;
}

export interface LocalRetryOptions {
  readonly render: Render;
  readonly manifest: Manifest;
  readonly machine: Machine;
  readonly view: ProgressView;
  readonly report: LocalWork['report'];
  /** Stops the render and keeps its frames. */
  readonly signal: AbortSignal;
  readonly asked: AskedFrames;
  readonly samples?: number;
}

const REASON = 'replaced by a retry';

/**
 * Renders the missing frames on this machine. Resumes interrupted jobs if nothing else is asked for; otherwise ends
 * them first.
 */
export async function retryLocally(options: LocalRetryOptions): Promise<RenderOutcome> {
  const { render, manifest, machine, asked, samples } = options;
  const programs = await findPrograms(process.env, plannedVideo(manifest));
  // A retry keeps the options of the render.
  const allowsScripts = manifest.options.allowScripts === true;
  const targets = chooseTargets(manifest, localTargets(programs.blenderVersion, machine, allowsScripts));
  const wantsLess = asked.frames !== undefined || asked.failed === true || samples !== undefined;
  const submit = async (batch: LocalBatch): Promise<RenderJobs> => {
    const jobs = await render.jobs.readIfValid();
    const pair = jobs ? await livingOf([jobs.stitch.jobId, jobs.render.jobId], batch) : [];
    if (jobs && pair.length > 0 && !wantsLess) return jobs;
    await endJobs([...pair, ...(await livingSalvages(manifest, targets.stitch.jobQueue, batch))], batch);
    const choice = chooseRetry(manifest, await render.missingFrames(manifest), asked);
    const wish = {
      why: 'asked',
      ...choice,
      samples,
      jobQueue: targets.render.jobQueue,
      after: jobs,
    } as const;
    const now = () => new Date();
    const services = { batch, now, targets };
    return (await retryRender(render, manifest, wish, services)).jobs;
  };
  return runLocally({ ...options, programs, allowsScripts, submit });
}

async function livingOf(ids: readonly string[], batch: LocalBatch): Promise<string[]> {
  return (await batch.describeJobs(ids)).filter(({ status }) => !isEnded(status)).map(({ jobId }) => jobId);
}

async function livingSalvages(
  { renderId }: Manifest,
  jobQueue: string,
  batch: LocalBatch,
): Promise<string[]> {
  const listed = await batch.listJobs({ jobQueue, jobName: salvageJobName(renderId) });
  return listed.filter(({ status }) => !isEnded(status)).map(({ jobId }) => jobId);
}

/** Ends the stitch job first, so that it does not start when its render job ends. */
async function endJobs(ids: readonly string[], batch: LocalBatch): Promise<void> {
  for (const id of ids) await batch.terminateJob(id, REASON);
  await Promise.all(ids.map((id) => batch.wait(id)));
}

/** Reasons printed one by one; the rest are counted. */
const MOST_REASONS = 10;

/** Describes the outcome for a person; `again` says how to resume. */
export function describeOutcome(
  outcome: RenderOutcome,
  seconds: number,
  again = 'run the same command again',
): string {
  const { state, render, manifest, progress, toOpen = {} } = outcome;
  const { frameCount } = manifest;
  const frames = `${progress.done.size} of ${countOf(frameCount, 'frame')}`;
  const are = frameCount === 1 ? 'is' : 'are';
  const where = render.location;
  if (state === 'complete') {
    const { width, height } = manifest.resolution;
    const size = `${countOf(frameCount, 'frame')} of ${width}×${height}`;
    const video = videoOf(outcome);
    if (frameCount === 1 && video === undefined) {
      const lines = [
        ...finishedLines(outcome),
        `${size} in ${formatSeconds(seconds)}`,
        ...warningLines(outcome),
        ...lackingLines(outcome),
        ...linesToOpen(toOpen),
      ];
      return printable(lines.join('\n'));
    }
    const what = `${size} at ${formatFrameRate(manifest.frameRate)} fps`;
    const text = [
      ...finishedLines(outcome),
      `${what} in ${formatSeconds(seconds)}`,
      `frames: ${where}frames/`,
      ...(video === undefined ? [] : [`video:  ${video}`]),
      ...warningLines(outcome),
      ...lackingLines(outcome),
      ...linesToOpen(toOpen),
    ];
    return printable(text.join('\n'));
  }
  if (state === 'interrupted') {
    return printable(`stopped: ${frames} ${are} stored in ${where}; ${again} to resume`);
  }
  if (outcome.gaps) {
    const video = formatLocation(render.partialVideoUrl(plannedVideo(manifest)));
    const { gaps, sound = [] } = outcome.gaps;
    const lines =
      gaps.length > 0
        ? [`partial: ${frames} ${are} stored in ${where}; ${again} to retry the others`]
        : [
            `partial: ${frames} ${are} stored in ${where}, and the video lacks sound; ${again} to make it again`,
          ];
    const text = [
      ...gapLines(outcome.gaps, outcome),
      ...errorLines(outcome),
      ...sound.slice(0, MOST_REASONS),
      ...warningLines(outcome, sound),
      ...lines,
      `${gaps.length > 0 ? 'video with gaps' : 'video without all sound'}:  ${video}`,
      ...lackingLines(outcome),
      ...linesToOpen(toOpen),
    ];
    return printable(text.join('\n'));
  }
  const failed = [
    ...frameLines(outcome),
    ...errorLines(outcome),
    `failed: ${frames} ${are} stored in ${where}`,
  ];
  return printable([...failed, ...linesToOpen(toOpen)].join('\n'));
}

/** For a render that was finished before: how to render it again. */
function finishedLines({ progress, render }: RenderOutcome): string[] {
  if (!progress.isIdle()) return [];
  const { renderId } = render;
  const remove = `spotreel delete ${renderId}${placeFlags(render.output)}`;
  return [`${renderId} was finished before; to render it again, first run: ${remove}`];
}

/** One line for all frames that failed for the same reason. */
function frameLines({ progress }: RenderOutcome): string[] {
  const failed = [...progress.failed].toSorted(([a], [b]) => a - b);
  return reasonLines(failed.map(([frame, { reason, missing }]) => ({ frame, reason, missing })));
}

function reasonLines(failed: readonly FailedFrame[]): string[] {
  const reasons = groupReasons(failed);
  const rest = reasons.length - MOST_REASONS;
  return [
    ...reasons.slice(0, MOST_REASONS),
    ...(rest > 0 ? [`and ${rest} more reasons; failures/ holds them`] : []),
  ];
}

function lackingLines({ lacking }: RenderOutcome): string[] {
  return lacking ? [describeLacking(lacking)] : [];
}

/** Faults of workers: they may explain failures of frames. */
function errorLines({ progress }: RenderOutcome): string[] {
  return [...progress.errors].slice(0, MOST_REASONS).map((message) => `error: ${message}`);
}

/** Warnings that are not in `reported`. */
function warningLines({ progress }: RenderOutcome, reported: readonly string[] = []): string[] {
  return [...progress.warnings.values()]
    .filter(({ message }) => !reported.includes(message))
    .slice(0, MOST_REASONS)
    .map(describeFinding);
}

function gapLines({ gaps }: Gaps, { progress }: RenderOutcome): string[] {
  const frames = formatFrames(gaps.map(({ frame }) => frame));
  const [one] = gaps;
  const shown =
    gaps.length === 1 && one
      ? `frame ${one.frame} is missing; the video shows frame ${one.shown} instead`
      : `frames ${frames} are missing; the video repeats neighbouring frames instead`;
  return [
    shown,
    ...reasonLines(
      gaps.map(({ frame, reason }) => ({ frame, reason, missing: progress.failed.get(frame)?.missing })),
    ),
  ];
}

/** The outcome as JSON. */
export function outcomeJson(outcome: RenderOutcome, seconds: number) {
  const { state, render, manifest, progress } = outcome;
  return {
    renderId: manifest.renderId,
    state,
    folder: render.location,
    video: videoOf(outcome),
    picture: outcome.toOpen?.picture,
    report: outcome.toOpen?.report,
    gaps: outcome.gaps?.gaps,
    soundLacks: outcome.gaps?.sound,
    frameCount: manifest.frameCount,
    framesDone: progress.done.size,
    failures: [...progress.failed].map(([frame, { reason, missing }]) => ({ frame, reason, missing })),
    missingFiles: outcome.lacking && {
      frames: outcome.lacking.frames,
      count: outcome.lacking.count,
      files: outcome.lacking.files,
    },
    errors: [...progress.errors],
    findings: [...(manifest.findings ?? []), ...progress.warnings.values()],
    seconds,
  };
}

function videoOf({ state, render, manifest }: RenderOutcome): string | undefined {
  const video = plannedVideo(manifest);
  if (video === 'none') return undefined;
  if (state === 'complete') return formatLocation(render.videoUrl(video));
  return state === 'partial' ? formatLocation(render.partialVideoUrl(video)) : undefined;
}
