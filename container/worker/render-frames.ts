import { join } from 'node:path';
import { frameName } from '../../core/contract/keys';
import { BlenderSession, type SessionEnd, type SessionEvent, type SessionOptions } from './blender-session';
import type { Delivery } from './frame-delivery';

/** Frames that are saved but not yet stored; Blender waits beyond that, so that scratch stays small. */
const MOST_UNDELIVERED = 4;

/** What one Blender is asked to do. */
export interface FramesTask {
  readonly frames: readonly number[];
  readonly blender: Pick<SessionOptions, 'blender' | 'args' | 'environment' | 'onOutput'>;
  /** Where Blender saves the frames. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly started: (frame: number) => void;
  /** Checks and stores a saved frame while the next one renders. */
  readonly deliver: (frame: number, path: string, seconds: number) => Promise<Delivery>;
}

/** What came of it. */
export interface FramesResult {
  /** Frames that did not come out, and why. Frames that were never begun are in neither this nor storage. */
  readonly failed: ReadonlyMap<number, string>;
  /** Set when Blender ended before it could render anything. */
  readonly unusable?: string;
}

/**
 * Renders frames with one Blender, start to end. Throws what `deliver` throws (storage that fails), after Blender is
 * gone; otherwise every way in which Blender can fail is a result.
 */
export async function renderFrames(task: FramesTask): Promise<FramesResult> {
  const run = new FramesRun(task);
  return run.result();
}

class FramesRun {
  private readonly queue: number[];
  private readonly failed = new Map<number, string>();
  private readonly deliveries = new Set<Promise<void>>();
  private readonly session: BlenderSession;
  private ready = false;
  private unusable: string | undefined;
  /** The frame that Blender is working on. */
  private current: number | undefined;
  private fault: { error: unknown } | undefined;

  constructor(private readonly task: FramesTask) {
    this.queue = [...task.frames];
    this.session = new BlenderSession({ ...task.blender, onEvent: (event) => this.handle(event) });
  }

  async result(): Promise<FramesResult> {
    const { signal } = this.task;
    const stop = () => this.session.kill();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const end = await this.session.ended;
      await Promise.all(this.deliveries);
      if (this.fault) throw this.fault.error;
      return this.conclude(end);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  private conclude(end: SessionEnd): FramesResult {
    if (this.task.signal.aborted) return { failed: this.failed };
    if (!this.ready) return { failed: this.failed, unusable: this.unusable ?? end.reason };
    if (this.current !== undefined) this.failed.set(this.current, end.reason);
    return { failed: this.failed };
  }

  private handle(event: SessionEvent): void {
    switch (event.event) {
      case 'unusable':
        this.unusable = event.reason;
        this.session.finish();
        return;
      case 'ready':
        this.ready = true;
        break;
      case 'started':
        this.task.started(event.frame);
        return;
      case 'saved':
        this.current = undefined;
        this.startDelivery(event.frame, event.seconds);
        break;
      case 'failed':
        this.current = undefined;
        this.failed.set(event.frame, event.reason);
        break;
    }
    this.next();
  }

  private next(): void {
    if (!this.ready || this.current !== undefined || this.deliveries.size >= MOST_UNDELIVERED) return;
    const frame = this.fault ? undefined : this.queue.shift();
    if (frame === undefined) {
      this.session.finish();
      return;
    }
    this.current = frame;
    this.session.render(frame);
  }

  private startDelivery(frame: number, seconds: number): void {
    const delivery = this.deliver(frame, seconds).finally(() => {
      this.deliveries.delete(delivery);
      this.next();
    });
    this.deliveries.add(delivery);
  }

  private async deliver(frame: number, seconds: number): Promise<void> {
    try {
      const outcome = await this.task.deliver(frame, join(this.task.directory, frameName(frame)), seconds);
      if ('fault' in outcome) this.failed.set(frame, outcome.fault);
    } catch (error) {
      this.fault ??= { error };
    }
  }
}
