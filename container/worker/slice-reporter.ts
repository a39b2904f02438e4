import { MOST_MISSING_FILES } from '../../core/contract/missing-files';
import { sliceReportUrl } from '../../core/contract/keys';
import { sliceReportSchema, type SliceAttempt, type SliceReport } from '../../core/contract/slice-report';
import { readRecord } from '../../core/storage/read-record';
import type { Storage } from '../../core/storage/storage';

/** What is known of an attempt when it begins. */
type Beginning = Pick<SliceAttempt, 'attempt' | 'startedAt' | 'kept' | 'onDemand' | 'vcpus'>;

/** Keeps `slices/<index>.json` up to date with what this attempt does, after the attempts that were before it. */
export class SliceReporter {
  private writing: Promise<void> = Promise.resolve();
  private waiting = false;
  /** Of each frame of this attempt, which one it is of those that Blender saved. */
  private readonly places: number[] = [];

  private constructor(
    private readonly storage: Storage,
    private readonly url: URL,
    private readonly report: SliceReport,
    private readonly current: SliceAttempt,
  ) {}

  /** Begins an attempt. Writes at once, so that storage that can't be written to shows before Blender starts. */
  static async begin(
    storage: Storage,
    folder: URL,
    slice: number,
    attempt: Beginning,
  ): Promise<SliceReporter> {
    const url = sliceReportUrl(folder, slice);
    // An unreadable report is a lost report, not a reason to lose the slice.
    const before = await readRecord(sliceReportSchema, url, storage);
    const current: SliceAttempt = { ...attempt, frames: [], failed: [] };
    const report: SliceReport = { version: 1, slice, attempts: [...(before?.attempts ?? []), current] };
    const reporter = new SliceReporter(storage, url, report, current);
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
    await this.storage.put(this.url, JSON.stringify(this.report));
  }
}
