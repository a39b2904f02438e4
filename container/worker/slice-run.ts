import { statfs } from 'node:fs/promises';
import { SpotreelError } from '../../core/errors';
import type { Document } from '../../core/render/document';
import { describeFiles, formatFrames } from '../../core/render/frames';
import type { Manifest } from '../../core/render/manifest';
import {
  type FrameFailure,
  MOST_MISSING_FILES,
  type SliceAttempt,
  type SliceReport,
} from '../../core/render/records';
import type { Render } from '../../core/render/render';
import { addFrameData, describeReason, type KeptData } from '../../core/render/slice-figures';
import { printableReason } from '../../core/text';
import type { FrameProgress } from './blender/log';
import type { PreparedBlender } from './blender/prepare';
import { type DroppedFrame, type FrameFault, type FramesResult, renderFrames } from './blender/render-frames';
import { stoppedError, type WorkerContext } from './context';
import type { FrameData } from './blender/session';
import { deliverFrame, type Delivery, type SavedFrame } from './frames/delivery';

/** How often a frame is tried before it fails, and Blender's start before the slice fails. */
const MOST_TRIES = 2;

/** A slice fails once Blender had to be started again so many times in a row because of the same missing files. */
const MOST_WITHOUT_FILES = 3;

/** Milliseconds between reports of a frame's progress: each is a log line, which costs money on AWS. */
const PROGRESS_EVERY_MS = 5_000;

/** Bounded for records, because a scene's paths may have any length. */
const boundedFiles = (files: readonly string[]): string[] =>
  files.slice(0, MOST_MISSING_FILES).map((file) => file.slice(0, LONGEST_PATH));

/** Characters of a path that are kept: Blender's own have up to 1,024 bytes. */
const LONGEST_PATH = 1024;

/** Results of a slice besides its frames. */
export interface SliceFindings {
  dropped?: DroppedFrame;
  /** Of the largest Blender, in bytes. */
  peakMemoryBytes?: number;
}

/** Renders one slice with as many Blenders as its frames need. */
export class SliceRun {
  /** Kept up to date, also when `run` throws. */
  readonly figures: SliceFindings = {};
  private readonly stored = new Set<number>();
  private readonly givenUp = new Set<number>();
  private readonly tries = new Map<number, number>();
  /** The missing files of each of the last failed frames. */
  private withoutFiles: string[] = [];
  /** Frames that were rendered without files that they need. */
  private readonly lacking = new Set<number>();
  /** Whether Blenders of this slice keep no data between frames, after one ran out of memory or had other pictures. */
  private keepsNoData = false;
  private keptData: KeptData = {};
  /** Whether the next Blender looks for missing files before it renders, because the last one ended over some. */
  private looksAhead = false;
  private progressReported = 0;
  /** When the start of the current Blender began, in milliseconds since 1970. */
  private startBegan: number;
  private savedCount = 0;

  constructor(
    private readonly manifest: Manifest,
    private readonly render: Render,
    private readonly slice: number,
    private readonly reporter: SliceReporter,
    private readonly context: WorkerContext,
    /** Called after each stored frame. */
    private readonly onStored: () => void,
  ) {
    // The scene is fetched before the first Blender starts.
    this.startBegan = context.now().getTime();
  }

  async run(frames: readonly number[], prepared: PreparedBlender): Promise<void> {
    let pending = frames;
    let fruitless = 0;
    while (pending.length > 0) {
      const { failed, unusable, outOfMemory } = await this.runBlender(pending, prepared);
      if (outOfMemory) this.dropData();
      this.looksAhead = [...failed.values()].some(({ endsBlender }) => endsBlender);
      // Also after a stop: these frames failed before it, for other reasons.
      for (const [frame, fault] of failed) await this.frameFailed(frame, fault);
      const left = pending.filter((frame) => !this.stored.has(frame) && !this.givenUp.has(frame));
      if (left.length > 0 && this.context.signal.aborted) throw stoppedError(this.context.signal);
      fruitless = left.length === pending.length && failed.size === 0 ? fruitless + 1 : 0;
      if (fruitless >= MOST_TRIES) throw await this.blenderFault(unusable);
      pending = left;
      this.startBegan = this.context.now().getTime();
    }
    if (this.givenUp.size > 0) throw this.framesFault();
  }

  private async runBlender(frames: readonly number[], prepared: PreparedBlender): Promise<FramesResult> {
    const { say, signal, threads } = this.context;
    const { directory, ...usual } = prepared;
    const environment = {
      ...usual.environment,
      SPOTREEL_FRAMES: String(frames.length),
      ...(this.looksAhead && { SPOTREEL_PROBE: '1' }),
      ...(this.keepsNoData && { SPOTREEL_FRESH: '1' }),
    };
    this.keptData = { record: this.keptData.record };
    const blender = { ...usual, environment };
    const result = await renderFrames({
      frames,
      threads,
      parallel: Number(this.context.environment.SPOTREEL_PARALLEL ?? 1),
      signal,
      directory,
      blender: { ...blender, onOutput: (line) => say({ event: 'output', program: 'blender', line }) },
      ready: () => this.reporter.ready((this.context.now().getTime() - this.startBegan) / 1000),
      started: (frame) => say({ event: 'frame-started', frame }),
      lacking: (frame, files, more) => this.frameLacks(frame, files, more),
      progress: (frame, progress) => this.tellProgress(frame, progress),
      stepping: (frame, at) => this.tellStepping(frame, at),
      deliver: (saved, seconds) => this.deliver(saved, seconds),
      data: (frame, seconds, data) => this.noteData(frame, seconds, data),
    });
    const { dropped, peakMemoryBytes = 0, ignored } = result;
    if (ignored) say({ event: 'output', program: 'worker', line: ignored });
    if (dropped) this.figures.dropped = dropped;
    if (peakMemoryBytes > (this.figures.peakMemoryBytes ?? 0)) this.figures.peakMemoryBytes = peakMemoryBytes;
    return result;
  }

  /** The next Blender keeps no data. Not reported if none were kept. */
  private dropData(): void {
    const { engine, options } = this.manifest;
    const wanted = options.persistentData ?? this.context.environment.SPOTREEL_PERSISTENT_DATA;
    // With `on`, Blender reports nothing of the data that it keeps.
    const isOn = engine === 'CYCLES' && wanted === 'on';
    const record = this.keptData.record ?? (isOn ? { savedSeconds: 0 } : undefined);
    if (record && !this.keepsNoData) {
      this.keptData = { record: { ...record, reason: 'memory' } };
      this.reporter.persistentData({ ...record, reason: 'memory' });
    }
    this.keepsNoData = true;
  }

  private noteData(frame: number, seconds: number, data: FrameData): void {
    this.keptData = addFrameData(this.keptData, frame, seconds, data);
    const { record } = this.keptData;
    if (record) this.reporter.persistentData(record);
    if (data.reason === undefined) return;
    if (data.reason === 'difference') this.keepsNoData = true;
    const why = describeReason(data.reason, frame, data.difference);
    this.context.say({
      event: 'output',
      program: 'worker',
      line: `Spotreel keeps no data of Cycles between frames from frame ${frame} on: ${why}`,
    });
  }

  private frameLacks(frame: number, named: readonly string[], more: number): void {
    const files = boundedFiles(named);
    this.lacking.add(frame);
    this.reporter.lacking(files, more);
    const names = describeFiles(files, files.length + more);
    this.context.say({
      event: 'output',
      program: 'worker',
      line: `frame ${frame} is rendered without ${names}`,
    });
  }

  private tellProgress(frame: number, progress: FrameProgress): void {
    const now = this.context.now().getTime();
    if (now - this.progressReported < PROGRESS_EVERY_MS) return;
    this.progressReported = now;
    this.context.say({ event: 'frame-progress', frame, ...progress });
  }

  private tellStepping(frame: number, at: number): void {
    // A frame that is one step after the last needs no report.
    const now = this.context.now().getTime();
    if (at === frame || now - this.progressReported < PROGRESS_EVERY_MS) return;
    this.progressReported = now;
    const line = `Stepping through the simulation, frame ${at} of ${frame}`;
    this.context.say({ event: 'output', program: 'worker', line });
  }

  private async deliver(saved: SavedFrame, seconds: number): Promise<Delivery> {
    const { scratch, say, now } = this.context;
    const { frame } = saved;
    const place = this.savedCount++;
    const delivery = await deliverFrame(saved, {
      manifest: this.manifest,
      render: this.render,
      own: scratch.own,
    });
    if ('bytes' in delivery) {
      this.stored.add(frame);
      this.withoutFiles = [];
      say({ event: 'frame-stored', frame, seconds });
      const storedAt = now().toISOString();
      const lacks = this.lacking.has(frame) && { lacks: true as const };
      await this.reporter.stored({ frame, seconds, storedAt, bytes: delivery.bytes, ...lacks }, place);
      this.onStored();
    }
    return delivery;
  }

  private async frameFailed(frame: number, fault: FrameFault): Promise<void> {
    const { missing } = fault;
    const reason = printableReason(fault.reason);
    // The frame is not at fault, and the disk may have space again.
    if (await isDiskFull(this.context.scratch.own)) throw diskFull(this.context.scratch.own);
    const tries = (this.tries.get(frame) ?? 0) + 1;
    this.tries.set(frame, tries);
    const final = missing !== undefined || tries >= MOST_TRIES;
    const lacks = missing && { missing: boundedFiles(missing) };
    this.context.say({ event: 'frame-failed', frame, reason, final, ...lacks });
    if (!final) return;
    this.givenUp.add(frame);
    const failedAt = this.context.now().toISOString();
    const failure: FrameFailure = {
      version: 1,
      frame,
      slice: this.slice,
      tries,
      reason,
      ...lacks,
      failedAt,
    };
    await this.render.failure(frame).write(failure);
    await this.reporter.failed(frame);
    if (missing && fault.endsBlender) this.countWithoutFiles(missing, reason);
  }

  private countWithoutFiles(missing: readonly string[], reason: string): void {
    const files = missing.join('\n');
    if (this.withoutFiles.some((before) => before !== files)) this.withoutFiles = [];
    this.withoutFiles.push(files);
    if (this.withoutFiles.length < MOST_WITHOUT_FILES) return;
    const frames = formatFrames([...this.givenUp].toSorted((a, b) => a - b));
    const message = `frames ${frames} of this slice failed, and the others were skipped: ${reason}`;
    throw new SpotreelError('files-missing', 'scene', message);
  }

  private async blenderFault(reason = 'it ended without a message'): Promise<SpotreelError> {
    if (await isDiskFull(this.context.scratch.own)) return diskFull(this.context.scratch.own);
    const message = `Blender could not render ${this.manifest.source.url}: ${printableReason(reason)}`;
    return new SpotreelError('blender-failed', 'scene', message);
  }

  private framesFault(): SpotreelError {
    const frames = formatFrames([...this.givenUp].toSorted((a, b) => a - b));
    const message = `frames failed ${MOST_TRIES} times or lack a file: ${frames}; see failures/ for the reasons`;
    return new SpotreelError('frames-failed', 'scene', message);
  }
}

/** Fields of an attempt that are known when it begins. */
type Beginning = Pick<
  SliceAttempt,
  'attempt' | 'startedAt' | 'kept' | 'pullSeconds' | 'onDemand' | 'vcpus' | 'samples' | 'memoryMib'
>;

/** Adds this attempt to `slices/<index>.json`, after earlier attempts, and keeps it up to date. */
export class SliceReporter {
  private writing: Promise<void> = Promise.resolve();
  private waiting = false;
  /** For each frame of the attempt, its place in the order in which Blender saved them. */
  private readonly places: number[] = [];

  private constructor(
    private readonly document: Document<SliceReport>,
    private readonly report: SliceReport,
    private readonly current: SliceAttempt,
  ) {}

  /** Begins an attempt. Writes at once, so that read-only storage fails before Blender starts. */
  static async begin(render: Render, slice: number, attempt: Beginning): Promise<SliceReporter> {
    const document = render.slice(slice);
    // An unreadable report is a lost report, not a reason to lose the slice.
    const before = await document.readIfValid();
    const current: SliceAttempt = { ...attempt, frames: [], failed: [] };
    const report: SliceReport = { version: 1, slice, attempts: [...(before?.attempts ?? []), current] };
    const reporter = new SliceReporter(document, report, current);
    await reporter.write();
    return reporter;
  }

  /** Notes a stored frame. The report keeps the order in which Blender saved frames, counted by `place`. */
  async stored(frame: SliceAttempt['frames'][number], place: number): Promise<void> {
    const at = this.places.findLastIndex((before) => before < place) + 1;
    this.places.splice(at, 0, place);
    this.current.frames.splice(at, 0, frame);
    await this.save();
  }

  /** Notes the seconds of one start of Blender; the next write stores them. */
  ready(seconds: number): void {
    this.current.startSeconds = (this.current.startSeconds ?? 0) + Math.max(0, seconds);
  }

  /** Notes files that a frame was rendered without; the next write stores them. */
  lacking(files: readonly string[], more: number): void {
    const all = new Set([...(this.current.missingFiles ?? []), ...files]);
    this.current.missingFiles = [...all].slice(0, MOST_MISSING_FILES);
    const count = Math.max(this.current.missingFileCount ?? 0, all.size, files.length + more);
    if (count > this.current.missingFiles.length) this.current.missingFileCount = count;
  }

  /** Notes what became of kept data; the next write stores it. */
  persistentData(record: NonNullable<SliceAttempt['persistentData']>): void {
    this.current.persistentData = record;
  }

  async failed(frame: number): Promise<void> {
    this.current.failed.push(frame);
    await this.save();
  }

  async end(
    end: Omit<
      SliceAttempt,
      | keyof Beginning
      | 'startSeconds'
      | 'frames'
      | 'failed'
      | 'missingFiles'
      | 'missingFileCount'
      | 'persistentData'
    >,
  ): Promise<void> {
    Object.assign(this.current, end);
    await this.save();
  }

  /** One write at a time; the next write includes all changes made meanwhile. */
  private async save(): Promise<void> {
    if (!this.waiting) {
      this.waiting = true;
      this.writing = this.writing.then(
        () => this.write(),
        () => this.write(),
      );
    }
    await this.writing;
  }

  private async write(): Promise<void> {
    this.waiting = false;
    await this.document.write(this.report);
  }
}

/** A disk with less free space is full: no frame fits. */
const LEAST_BYTES = 1024 * 1024;

/** Whether the disk that holds `folder` is full. */
async function isDiskFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < LEAST_BYTES;
}

/** Passing: another machine has another disk, and other work on this one may free space. */
export function diskFull(folder: string): SpotreelError {
  const message = `the disk that holds ${folder} is full: raise the setting diskGib, or make room where you render locally`;
  return new SpotreelError('disk-full', 'passing', message);
}
