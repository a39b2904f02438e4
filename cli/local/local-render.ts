import {
  prepareRender,
  submitRender,
  type RenderRequest,
  type SubmitServices,
  type SubmittedRender,
} from '../../core/batch/submit-render';
import type { Finding } from '../../core/contract/finding';
import { videoUrl } from '../../core/contract/keys';
import type { RenderOptions } from '../../core/contract/options';
import { examineScene, type SceneExamination } from '../../core/preflight/examine-scene';
import { plannedVideo } from '../../core/render/chosen-video';
import type { ObjectHead, Storage } from '../../core/storage/storage';
import { storedFrames } from '../../core/storage/stored-frames';
import type { ProgressView } from '../progress-view';
import { denoiserQuestion } from './ask-denoiser';
import { localTargets } from './farm';
import { hasOwnColors } from './own-colors';
import { findPrograms } from './local-programs';
import type { Machine } from './machine';
import { unconfinedScripts } from './unconfined-scripts';
import { runLocally, type RenderOutcome } from './run-locally';
import { setAsidePlan } from './set-aside';

export interface LocalRenderOptions {
  readonly source: ObjectHead;
  /** What is known of the scene; it is read where this is absent. */
  readonly examination?: SceneExamination;
  /** A folder of this machine, under which the render's own folder is made. */
  readonly output: URL;
  readonly options: RenderOptions;
  readonly name?: string | undefined;
  /** Of the renders of several cameras. */
  readonly group?: string;
  /** Whether other versions of the files that the scene needs make another render: `RenderRequest` says when. */
  readonly filesCount: boolean;
  readonly machine: Machine;
  /** Whether scenes may run their scripts here, where their options ask for it. */
  readonly allowsScripts: boolean;
  readonly storage: Storage;
  /** Whether engines that draw on a screen have one. */
  readonly hasDisplay: boolean;
  /** Told before anything is rendered what was found that is no error, and what was set right. */
  readonly report: (findings: readonly Finding[]) => void;
  readonly view: ProgressView;
}

/** A render on this machine: the object-created event, the submit use case, and a local Batch that runs its jobs. */
export class LocalRender {
  private readonly interrupted = new AbortController();

  constructor(private readonly options: LocalRenderOptions) {}

  /** Stops everything; `run` then ends with `interrupted`. What is done is kept. */
  interrupt(): void {
    this.interrupted.abort();
  }

  /** Renders to the end. Throws what is wrong before any job is submitted. */
  async run(): Promise<RenderOutcome> {
    const { storage, machine, allowsScripts, source, filesCount, hasDisplay, report } = this.options;
    const programs = await findPrograms(process.env, this.options.options.video);
    const services = {
      storage,
      now: () => new Date(),
      ...localTargets(programs.blenderVersion, machine, allowsScripts),
      place: 'here',
      hasDisplay,
      hasOwnColors: hasOwnColors(process.env),
      hasDenoiser: denoiserQuestion(process.env),
      setAsidePlan,
    } as const;
    const known = this.options.examination;
    const examination =
      known ??
      (filesCount
        ? await examineScene(source.url, source.etag, storage, undefined, undefined, this.options.options)
        : undefined);
    const request = { ...this.options, ...(examination && { examination }) };
    const { folder, manifest, rebuilt } = await prepareRender(request, services);
    report([
      ...(rebuilt === undefined ? [] : [rebuiltFinding(rebuilt)]),
      ...(manifest.findings ?? []),
      ...unconfinedScripts(manifest.options, process.env),
    ]);
    const { view } = this.options;
    const { signal } = this.interrupted;
    return runLocally({
      ...{ folder, manifest, programs, machine, allowsScripts, storage, view, signal, report },
      submit: async (batch) => (await this.submit(request, { ...services, batch })).jobs,
    });
  }

  /** Jobs that have succeeded count only while what they made is still there. */
  private async submit(
    request: Omit<RenderRequest, 'reuse'>,
    services: SubmitServices,
  ): Promise<SubmittedRender> {
    const submitted = await submitRender({ ...request, reuse: 'unfailed' }, services);
    const [stitch] = await services.batch.describeJobs([submitted.jobs.stitch.jobId]);
    if (stitch?.status !== 'SUCCEEDED' || (await isComplete(submitted, services.storage))) return submitted;
    return submitRender({ ...request, reuse: 'unfinished' }, services);
  }
}

const rebuiltFinding = (damage: string): Finding => ({
  code: 'repaired',
  severity: 'note',
  message: `the render was planned again, and its frames are kept: ${damage.replace(/; .*/, '')}`,
});

async function isComplete({ manifest, folder }: SubmittedRender, storage: Storage): Promise<boolean> {
  const stored = await storedFrames(manifest, folder, storage);
  const video = plannedVideo(manifest);
  if (stored.size < manifest.frameCount) return false;
  return video === 'none' || (await storage.head(videoUrl(folder, video))) !== undefined;
}
