import type { Finding } from '../core/contract/finding';
import type { WorkerEvent } from '../core/contract/worker-event';

/** How far a render is: what its workers' events add up to. */
export class RenderProgress {
  /** Frames that are whole in storage. */
  readonly done = new Set<number>();
  /** Frames given up, and why. */
  readonly failed = new Map<
    number,
    { readonly reason: string; readonly missing?: readonly string[] | undefined }
  >();
  /** Why workers ended badly, each reason once. */
  readonly errors = new Set<string>();
  /** What the video lacks, each once by its message. */
  readonly warnings = new Map<string, Finding>();
  /** Frames of the video that are encoded; `undefined` while frames still render. */
  stitched: number | undefined;
  /** By slice, the frame that its Blender is at, and the part of it that is done, 0 to 1. */
  private readonly current = new Map<number, { readonly frame: number; readonly part?: number }>();
  private storedNow = 0;
  private firstStart: number | undefined;

  constructor(readonly total: number) {}

  /** Takes in one event of the worker of a slice; `at` in milliseconds. */
  apply(event: WorkerEvent, slice: number, at: number): void {
    switch (event.event) {
      case 'frame-started':
        this.firstStart ??= at;
        this.current.set(slice, { frame: event.frame });
        // It was there, but not whole.
        this.done.delete(event.frame);
        break;
      case 'frame-progress':
        this.current.set(slice, { frame: event.frame, part: event.sample / event.samples });
        break;
      case 'frame-stored':
        this.storedNow += 1;
        this.finish(event.frame, slice);
        break;
      case 'frame-kept':
        this.finish(event.frame, slice);
        break;
      case 'frame-failed':
        if (event.final) this.failed.set(event.frame, { reason: event.reason, missing: event.missing });
        break;
      case 'stitching':
        this.stitched = event.frames;
        break;
      case 'error':
        this.errors.add(event.message);
        break;
      case 'warning':
        this.warnings.set(event.message, { code: event.code, severity: 'warning', message: event.message });
        break;
      case 'output':
        break;
    }
  }

  private finish(frame: number, slice: number): void {
    this.done.add(frame);
    this.failed.delete(frame);
    if (this.current.get(slice)?.frame === frame) this.current.delete(slice);
  }

  /** The child of a slice has ended. */
  ended(slice: number): void {
    this.current.delete(slice);
  }

  /** Frames that are being rendered, in order, each with the part of it that is done where Blender says. */
  frames(): ReadonlyArray<{ readonly frame: number; readonly part?: number }> {
    return [...this.current.values()].toSorted((a, b) => a.frame - b.frame);
  }

  /** Seconds until the last frame, from the pace of this run; `undefined` before its first frame. */
  secondsLeft(at: number): number | undefined {
    if (this.firstStart === undefined || this.storedNow === 0) return undefined;
    const left = this.total - this.done.size - this.failed.size;
    return ((at - this.firstStart) / 1000 / this.storedNow) * left;
  }
}
