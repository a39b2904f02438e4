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
import { printableReason } from '../../core/text';
import type { FrameProgress } from './blender/log';
import type { PreparedBlender } from './blender/prepare';
import { type DroppedFrame, type FrameFault, type FramesResult, renderFrames } from './blender/render-frames';
import { stoppedError, type WorkerContext } from './context';
import { deliverFrame, type Delivery, type SavedFrame } from './frames/delivery';

/** Less than this is none: no frame fits in it. */
const LEAST_BYTES = 1024 * 1024;

/** Whether there is no room left where `folder` lies. */
async function isDiskFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < LEAST_BYTES;
}

/** Passing: another machine has another disk, and this one has room again when others on it are done. */
export function diskFull(folder: string): SpotreelError {
  const message = `the disk that holds ${folder} is full: raise the setting diskGib, or make room where you render locally`;
  return new SpotreelError('disk-full', 'passing', message);
}

/** What is known of an attempt when it begins. */
type Beginning = Pick<SliceAttempt, 'attempt' | 'startedAt' | 'kept' | 'onDemand' | 'vcpus'>;

/** Keeps `slices/<index>.json` up to date with what this attempt does, after the attempts that were before it. */
export class SliceReporter {
  private writing: Promise<void> = Promise.resolve();
  private waiting = false;
  /** Of each frame of this attempt, which one it is of those that Blender saved. */
  private readonly places: number[] = [];

  private constructor(
    private readonly document: Document<SliceReport>,
    private readonly report: SliceReport,
    private readonly current: SliceAttempt,
  ) {}

  /** Begins an attempt. Writes at once, so that storage that can't be written to shows before Blender starts. */
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

  /** Notes a stored frame. Storing may overtake, so `place` counts the frames as Blender saved them, and the report keeps that order. */
  async stored(frame: SliceAttempt['frames'][number], place: number): Promise<void> {
    const at = this.places.findLastIndex((before) => before < place) + 1;
    this.places.splice(at, 0, place);
    this.current.frames.splice(at, 0, frame);
    await this.save();
  }

  /** Notes files that a frame was rendered without; written with the frame. */
  lacking(files: readonly string[], more: number): void {
    const all = new Set([...(this.current.missingFiles ?? []), ...files]);
    this.current.missingFiles = [...all].slice(0, MOST_MISSING_FILES);
    const count = Math.max(this.current.missingFileCount ?? 0, all.size, files.length + more);
    if (count > this.current.missingFiles.length) this.current.missingFileCount = count;
  }

  async failed(frame: number): Promise<void> {
    this.current.failed.push(frame);
    await this.save();
  }

  async end(
    end: Omit<SliceAttempt, keyof Beginning | 'frames' | 'failed' | 'missingFiles' | 'missingFileCount'>,
  ): Promise<void> {
    Object.assign(this.current, end);
    await this.save();
  }

  /** One write at a time; what comes meanwhile goes into the next one together. */
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

/** How often a frame is tried before it is given up, and Blender's start before the slice is. */
const MOST_TRIES = 2;

/** So many starts of Blender in a row that were left as the frame lacked the same files, though it had looked ahead. */
const MOST_WITHOUT_FILES = 3;

/** How often a frame's progress is told, in milliseconds: a log line each, which costs on AWS. */
const PROGRESS_EVERY_MS = 5_000;

/** Files as they are noted: a scene's paths may have any length. */
const boundedFiles = (files: readonly string[]): string[] =>
  files.slice(0, MOST_MISSING_FILES).map((file) => file.slice(0, LONGEST_PATH));

/** Characters of a path that are noted: Blender's own have up to 1,024 bytes. */
const LONGEST_PATH = 1024;

/** What a slice's rendering found out besides its frames. */
export interface SliceFindings {
  dropped?: DroppedFrame;
  /** Of the largest Blender, in bytes. */
  peakMemoryBytes?: number;
}

/** The rendering of one slice, over as many Blenders as its frames make necessary. */
export class SliceRun {
  /** Kept up to date, also when `run` throws. */
  readonly figures: SliceFindings = {};
  private readonly stored = new Set<number>();
  private readonly givenUp = new Set<number>();
  private readonly tries = new Map<number, number>();
  /** Of the last frames, the files that each of them lacked. */
  private withoutFiles: string[] = [];
  /** Frames that were rendered without files that they need. */
  private readonly lacking = new Set<number>();
  /** Whether the next Blender looks for missing files before it renders: the last one was left for some. */
  private looksAhead = false;
  private progressTold = 0;
  private savedCount = 0;

  constructor(
    private readonly manifest: Manifest,
    private readonly render: Render,
    private readonly slice: number,
    private readonly reporter: SliceReporter,
    private readonly context: WorkerContext,
    /** Told after each frame that was stored. */
    private readonly onStored: () => void,
  ) {}

  async run(frames: readonly number[], prepared: PreparedBlender): Promise<void> {
    let pending = frames;
    let fruitless = 0;
    while (pending.length > 0) {
      const { failed, unusable } = await this.runBlender(pending, prepared);
      this.looksAhead = [...failed.values()].some(({ endsBlender }) => endsBlender);
      // Also when it was stopped: what failed until then did not fail for that.
      for (const [frame, fault] of failed) await this.frameFailed(frame, fault);
      const left = pending.filter((frame) => !this.stored.has(frame) && !this.givenUp.has(frame));
      if (left.length > 0 && this.context.signal.aborted) throw stoppedError(this.context.signal);
      fruitless = left.length === pending.length && failed.size === 0 ? fruitless + 1 : 0;
      if (fruitless >= MOST_TRIES) throw await this.blenderFault(unusable);
      pending = left;
    }
    if (this.givenUp.size > 0) throw this.framesFault();
  }

  private async runBlender(frames: readonly number[], prepared: PreparedBlender): Promise<FramesResult> {
    const { say, signal } = this.context;
    const { directory, ...usual } = prepared;
    const environment = { ...usual.environment, ...(this.looksAhead && { SPOTREEL_PROBE: '1' }) };
    const blender = { ...usual, environment };
    const result = await renderFrames({
      frames,
      signal,
      directory,
      blender: { ...blender, onOutput: (line) => say({ event: 'output', program: 'blender', line }) },
      started: (frame) => say({ event: 'frame-started', frame }),
      lacking: (frame, files, more) => this.frameLacks(frame, files, more),
      progress: (frame, progress) => this.tellProgress(frame, progress),
      stepping: (frame, at) => this.tellStepping(frame, at),
      deliver: (saved, seconds) => this.deliver(saved, seconds),
    });
    const { dropped, peakMemoryBytes = 0, ignored } = result;
    if (ignored) say({ event: 'output', program: 'worker', line: ignored });
    if (dropped) this.figures.dropped = dropped;
    if (peakMemoryBytes > (this.figures.peakMemoryBytes ?? 0)) this.figures.peakMemoryBytes = peakMemoryBytes;
    return result;
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
    if (now - this.progressTold < PROGRESS_EVERY_MS) return;
    this.progressTold = now;
    this.context.say({ event: 'frame-progress', frame, ...progress });
  }

  private tellStepping(frame: number, at: number): void {
    // Every frame is one step from the one before it, and needs no words.
    const now = this.context.now().getTime();
    if (at === frame || now - this.progressTold < PROGRESS_EVERY_MS) return;
    this.progressTold = now;
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
    // No fault of the frame's, and it may pass.
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
    const message = `frames ${frames} of this slice, the others were not tried: ${reason}`;
    throw new SpotreelError('files-missing', 'scene', message);
  }

  private async blenderFault(reason = 'it ended without a word'): Promise<SpotreelError> {
    if (await isDiskFull(this.context.scratch.own)) return diskFull(this.context.scratch.own);
    const message = `Blender could not render ${this.manifest.source.url}: ${printableReason(reason)}`;
    return new SpotreelError('blender-failed', 'scene', message);
  }

  private framesFault(): SpotreelError {
    const frames = formatFrames([...this.givenUp].toSorted((a, b) => a - b));
    const message = `frames that failed ${MOST_TRIES} times, or lack a file: ${frames}; failures/ holds the reasons`;
    return new SpotreelError('frames-failed', 'scene', message);
  }
}
