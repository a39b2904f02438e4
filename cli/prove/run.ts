import { messageOf, SpotreelError } from '../../core/errors';
import { type Batch, isEnded, type JobDetail } from '../../core/jobs/batch';
import { livingJobs } from '../../core/jobs/cancel';
import type { FarmDescription } from '../../core/jobs/farm';
import { type ProbeReport, probeReportSchema } from '../../core/jobs/worker';
import { parseJson } from '../../core/json';
import { Render } from '../../core/render/render';
import { childUrl, formatLocation, keyUrl, type Storage } from '../../core/storage/storage';
import type { Reading } from '../output';
import type { AlarmFacts, ProveFacts, SeenJob, UploadFacts } from './facts';
import type { Answer } from '../doctor/check';
import { CHILDREN, planJobs, UPLOAD_METADATA } from './plan';
import { compareFrames, type FramesHere, type ProvedEngine } from './render-here';

/** What a run needs from outside. */
export interface ProveServices {
  readonly storage: Storage;
  readonly batch: Batch;
  /** Path of the scene on this machine. */
  readonly scene: string;
  /** Attempts of the farm's oldest job definition for slices, if AWS Batch says so. Never throws. */
  readonly askAttempts: () => Promise<number | undefined>;
  readonly askAlarms: () => Promise<Answer<readonly AlarmFacts[]>>;
  readonly renderHere: (
    blender: string | undefined,
    signal: AbortSignal,
  ) => Promise<Record<ProvedEngine, FramesHere>>;
  readonly pause: (seconds: number, signal?: AbortSignal) => Promise<unknown>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly show: (reading: Reading) => void;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

const LOOK_SECONDS = 3;

/** Seconds to wait for terminated jobs, whose workers may finish a frame first. */
const STOP_SECONDS = 120;

/** Assumption: after so long, an upload has become a render, or never will. */
const UPLOAD_SECONDS = 30;

const CANCEL_REASON = 'terminated by spotreel prove';

/** One run of `prove` against a farm: begins everything, waits, and finds the facts. Call `cleanUp` in any case. */
export class ProveRun {
  /** Job ids by key. */
  private readonly ids = new Map<string, string>();
  private readonly refused: Record<string, string> = {};
  private jobs: Record<string, SeenJob> = {};
  private reports: Record<string, ProbeReport> = {};
  private stopped: string[] = [];
  private upload: UploadFacts = {};
  private cancelReason: string | undefined;
  private isCancelled = false;
  private attempts: number | undefined;
  /** Milliseconds since 1970. */
  private uploadedAt = 0;

  /** `run` is the name of everything that it makes. */
  constructor(
    private readonly farm: FarmDescription,
    private readonly run: string,
    private readonly minutes: number,
    private readonly services: ProveServices,
  ) {}

  private at(key: string): URL {
    return keyUrl('s3:', this.farm.bucket, key);
  }

  private get folder(): URL {
    return this.at(`${this.farm.outputPrefix}${this.run}/`);
  }

  private get uploadUrl(): URL {
    return this.at(`${this.farm.uploadPrefix}${this.run}.blend`);
  }

  /** Throws what AWS refuses, and a passing fault that lasts until the end of the wait. The render here ends first. */
  async findFacts(): Promise<ProveFacts> {
    const { farm, minutes, services } = this;
    const { storage } = services;
    const [oldest] = farm.renderDefinitions;
    await this.begin();
    const fault = new AbortController();
    const signal = AbortSignal.any([services.signal, fault.signal]);
    const rendering = services.renderHere(oldest?.blenderVersion, signal);
    const parts = [services.askAlarms(), rendering, this.wait(signal)] as const;
    const [alarms, here] = await Promise.all(parts).catch(async (error: unknown) => {
      fault.abort();
      await Promise.allSettled(parts);
      throw error;
    });
    const { upload } = this;
    const rendered = upload.folder === undefined ? undefined : new URL(upload.folder);
    const eevee = childUrl(this.folder, 'eevee/');
    return {
      farm,
      minutes,
      ...(this.attempts !== undefined && { attempts: this.attempts }),
      jobs: this.jobs,
      refused: this.refused,
      reports: this.reports,
      stopped: this.stopped,
      ...(this.cancelReason !== undefined && { cancelReason: this.cancelReason }),
      upload,
      cycles: await compareFrames(rendered, CHILDREN, here.cycles, storage),
      eevee: await compareFrames(eevee, 1, here.eevee, storage),
      alarms,
    };
  }

  /** Submits jobs and uploads the scene. What is refused becomes a fact. */
  private async begin(): Promise<void> {
    const { batch, storage, scene, askAttempts } = this.services;
    this.attempts = await askAttempts();
    const copy = childUrl(this.folder, 'prove.blend');
    await storage.upload(scene, copy);
    try {
      await storage.upload(scene, this.uploadUrl, { metadata: UPLOAD_METADATA });
      this.uploadedAt = this.services.now();
    } catch (error) {
      this.upload = { fault: messageOf(error) };
    }
    for (const { key, request, after } of planJobs(
      this.farm,
      this.run,
      formatLocation(this.folder),
      formatLocation(copy),
      this.attempts,
    )) {
      if (this.services.signal.aborted) return;
      const first = after === undefined ? undefined : this.ids.get(after);
      if (after !== undefined && first === undefined) {
        this.refused[key] = 'the job that it depends on was not submitted';
        continue;
      }
      try {
        const dependsOn = first === undefined ? {} : { dependsOn: [{ jobId: first }] };
        this.ids.set(key, (await batch.submitJob({ ...request, ...dependsOn })).jobId);
      } catch (error) {
        this.refused[key] = messageOf(error);
      }
    }
  }

  private async wait(signal: AbortSignal): Promise<void> {
    const { now, pause, show } = this.services;
    const end = now() + this.minutes * 60_000;
    for (;;) {
      const fault = await this.passingFault();
      const waiting = this.waiting();
      const total = this.ids.size + 1;
      const done = total - waiting.length;
      const parts = waiting.length === 0 ? '' : `waiting for ${waiting.join(', ')}`;
      const note = fault ? `asking again: ${fault.message}` : parts;
      show({ total, done, count: `${done} of ${total} parts`, note });
      if (signal.aborted || (!fault && waiting.length === 0)) return;
      if (now() >= end) {
        if (fault) throw fault;
        return;
      }
      await pause(LOOK_SECONDS, signal);
    }
  }

  /** Looks, and cancels if it is time. Gives a fault that may pass; throws others. */
  private async passingFault(): Promise<SpotreelError | undefined> {
    try {
      await this.look();
      await this.cancel();
    } catch (error) {
      if (!(error instanceof SpotreelError && error.kind === 'passing')) throw error;
      return error;
    }
    return undefined;
  }

  /** Whether all workers that wait for their end have begun to wait. */
  private areHeld(): boolean {
    return Array.from({ length: CHILDREN }, (_, index) => `held-${index}`).every(
      (name) => this.reports[name],
    );
  }

  /** Terminates `held` once its workers wait, because only they can report what happens to them. */
  private async cancel(): Promise<void> {
    const held = this.jobs.held?.job;
    if (!held || isEnded(held.status) || this.isCancelled || !this.areHeld()) return;
    // Noted first: a call that failed may have had an effect. It is repeated until AWS Batch accepts it.
    this.cancelReason = CANCEL_REASON;
    await this.services.batch.terminateJob(held.jobId, CANCEL_REASON);
    this.isCancelled = true;
  }

  /** The parts that have not ended, for people. */
  private waiting(): string[] {
    const jobs = [...this.ids.keys()].flatMap((key) => {
      const status = this.jobs[key]?.job.status ?? 'SUBMITTED';
      return isEnded(status) ? [] : [`${key} (${status})`];
    });
    const { render } = this.upload;
    return [...jobs, ...(this.isUploadDone() ? [] : [`upload (${render?.job.status ?? 'no render yet'})`])];
  }

  /** A stitch job that fails is reported, although the render job may still run. */
  private isUploadDone(): boolean {
    const { fault, render, stitch, status } = this.upload;
    const jobs = [render, stitch].filter((seen) => seen !== undefined);
    const isReported = status?.notifiedAt !== undefined && jobs.every(({ job }) => isEnded(job.status));
    return fault !== undefined || isReported;
  }

  private async look(): Promise<void> {
    await this.lookAtUpload();
    const seen = await Promise.all(
      Array.from(this.ids, async ([key, id]) => [key, await this.describe(id)] as const),
    );
    for (const [key, job] of seen) if (job) this.jobs[key] = job;
    await this.readReports();
  }

  private async describe(id: string): Promise<SeenJob | undefined> {
    const { batch } = this.services;
    const [job] = await batch.describeJobs([id]);
    if (!job) return undefined;
    return { job, children: await this.childrenOf(job) };
  }

  private async childrenOf({ jobId, arrayProperties }: JobDetail): Promise<JobDetail[]> {
    const ids = Array.from({ length: arrayProperties?.size ?? 0 }, (_, index) => `${jobId}:${index}`);
    return ids.length === 0 ? [] : this.services.batch.describeJobs(ids);
  }

  private async readReports(): Promise<void> {
    const { storage } = this.services;
    for await (const { url } of storage.list(this.folder)) {
      const [, name, ending] =
        /^([a-z0-9.-]+)\.(json|stopped)$/.exec(url.href.slice(this.folder.href.length)) ?? [];
      if (name === undefined) continue;
      if (ending === 'stopped' && !this.stopped.includes(name)) this.stopped.push(name);
      if (ending === 'json' && !this.reports[name])
        this.reports[name] = parseJson(probeReportSchema, await storage.get(url), (reason) =>
          badReport(url, reason),
        );
    }
  }

  private async lookAtUpload(): Promise<void> {
    const { storage } = this.services;
    if (this.isUploadDone()) return;
    const folder = this.upload.folder ?? (await this.findUpload());
    if (folder === undefined) return;
    const render = Render.in(new URL(folder), storage);
    const [jobs, status] = [await render.jobs.readIfValid(), await render.status.readIfValid()];
    const [first, second] = jobs
      ? [await this.describe(jobs.render.jobId), await this.describe(jobs.stitch.jobId)]
      : [];
    this.upload = {
      folder,
      ...(first && { render: first }),
      ...(second && { stitch: second }),
      ...(status && { status }),
    };
  }

  /** The folder of the render that came of the upload. */
  private async findUpload(): Promise<string | undefined> {
    const output = this.at(this.farm.outputPrefix);
    for await (const { url } of this.services.storage.list(childUrl(output, `${this.run}-`))) {
      const [id = ''] = url.href.slice(output.href.length).split('/');
      return childUrl(output, `${id}/`).href;
    }
    return undefined;
  }

  /** Terminates every job that has not ended, and deletes what was stored. Gives what is left, for people. */
  async cleanUp(): Promise<string[]> {
    const left: string[] = [];
    const attempt = async (what: string, work: () => Promise<unknown>) => {
      try {
        await work();
      } catch (error) {
        left.push(`${what}: ${messageOf(error)}`);
      }
    };
    const { storage } = this.services;
    const { outputPrefix, uploadPrefix, capPrefix } = this.farm;
    await attempt('the upload is left', () => storage.delete(this.uploadUrl));
    await attempt('jobs may still run', async () => {
      await this.awaitUpload();
      await this.stopJobs();
      await this.awaitReport();
    });
    await attempt('files are left in the bucket', async () => {
      for await (const { url } of storage.list(this.at(`${outputPrefix}${this.run}`)))
        await storage.delete(url);
    });
    // A worker with too many permissions wrote these.
    const allowed = Object.values(this.reports).flatMap(({ rights }) =>
      Object.keys(rights).filter((what) => rights[what] === 'done'),
    );
    const marks = [
      ...(allowed.includes('write an upload') ? [uploadPrefix] : []),
      ...(allowed.includes('write a cap') && capPrefix !== undefined ? [capPrefix] : []),
    ];
    for (const prefix of marks)
      await attempt('a file is left', () => storage.delete(this.at(`${prefix}${this.run}.denied`)));
    return left;
  }

  /** Waits for the render of an upload that was begun a moment ago, so that its jobs can be terminated. */
  private async awaitUpload(): Promise<void> {
    const { now, pause } = this.services;
    for (const end = this.uploadedAt + UPLOAD_SECONDS * 1000; now() < end; await pause(1)) {
      await this.lookAtUpload();
      if (this.upload.render ?? this.upload.fault ?? this.upload.status) return;
    }
  }

  private async stopJobs(): Promise<void> {
    const { batch, now, pause } = this.services;
    const terminated = new Set<string>();
    for (const end = now() + STOP_SECONDS * 1000; ; await pause(1)) {
      // Listed again each time: the end of one job may submit another one, which makes a partial video.
      const living = [...(await this.livingProbes()), ...(await this.livingRender())];
      for (const { jobId } of living.filter((job) => !terminated.has(job.jobId))) {
        await batch.terminateJob(jobId, CANCEL_REASON);
        terminated.add(jobId);
      }
      if (living.length === 0) return;
      if (now() >= end) {
        const names = living.map(({ jobName }) => jobName).join(', ');
        throw new Error(`still stopping: ${names}; look in the AWS Batch console`);
      }
    }
  }

  private async livingProbes(): Promise<JobDetail[]> {
    const jobs = this.ids.size === 0 ? [] : await this.services.batch.describeJobs([...this.ids.values()]);
    return jobs.filter(({ status }) => !isEnded(status));
  }

  private async livingRender(): Promise<JobDetail[]> {
    const { folder, render: begun } = this.upload;
    if (folder === undefined || !begun) return [];
    const { storage, batch } = this.services;
    return livingJobs({ render: Render.in(new URL(folder), storage), batch, farm: this.farm });
  }

  /** Waits for the farm's report of a render whose jobs have ended, because the report is stored, too. */
  private async awaitReport(): Promise<void> {
    if (!this.upload.render) return;
    const { now, pause } = this.services;
    for (const end = now() + UPLOAD_SECONDS * 1000; now() < end; await pause(1)) {
      await this.lookAtUpload();
      if (this.upload.status?.notifiedAt !== undefined) return;
    }
  }
}

function badReport(url: URL, reason: string): SpotreelError {
  const message = `another version of Spotreel wrote the report ${formatLocation(url)} (${reason}); deploy the farm again`;
  return new SpotreelError('bad-report', 'usage', message);
}
