import { totalmem } from 'node:os';
import { join } from 'node:path';
import { describeFiles } from '../../../core/render/frames';
import { type FileOutput, frameName } from '../../../core/render/keys';
import { interruptionOf } from '../context';
import type { Delivery, SavedFrame, SavedOutput } from '../frames/delivery';
import { colorFault, type FrameProgress, parseBlenderProgress } from './log';
import {
  BlenderSession,
  type FrameData,
  isOutOfMemory,
  type SessionEvent,
  type SessionOptions,
  StrayEvents,
} from './session';

/** Frames saved but not yet stored, at most. Blender waits beyond that, so that scratch stays small. */
const MOST_UNDELIVERED = 4;

/**
 * The share of Blender's part of the memory above which Blender keeps no data between frames: copies of rebuilt geometry exist beside the old
 * ones for a while (docs/adr/0032-persistent-data-verifies-itself.md).
 */
const KEPT_DATA_SHARE = 0.7;

/** The work of one Blender. */
export interface FramesTask {
  readonly frames: readonly number[];
  readonly blender: Omit<SessionOptions, 'onEvent' | 'expects'>;
  /** Blenders that may run on this machine at the same time; absent if the job has its own memory. */
  readonly parallel?: number;
  /** Where Blender saves the frames. */
  readonly directory: string;
  /** The threads of the next frame; absent or `undefined` to leave them unchanged. */
  readonly threads?: () => number | undefined;
  /** Its reason is an `Interruption`. */
  readonly signal: AbortSignal;
  /** Blender has opened the scene and can begin a frame. */
  readonly ready: () => void;
  readonly started: (frame: number) => void;
  /** Called before the frame is delivered: files that it was rendered without, and the number of further ones. */
  readonly lacking: (frame: number, files: readonly string[], more: number) => void;
  readonly progress: (frame: number, progress: FrameProgress) => void;
  /** Blender is playing a simulation up to `frame` and has reached `at`. */
  readonly stepping: (frame: number, at: number) => void;
  /** Checks and stores a saved frame while the next one renders. */
  readonly deliver: (saved: SavedFrame, seconds: number) => Promise<Delivery>;
  /** Called once for each saved frame, in their order, if Blender keeps data between frames or could not. */
  readonly data: (frame: number, seconds: number, data: FrameData) => void;
}

/** Why a frame failed. */
export interface FrameFault {
  readonly reason: string;
  /** Missing files that the frame needs: a retry cannot help. */
  readonly missing?: readonly string[];
  /** Whether Blender has to be started again after it. */
  readonly endsBlender?: true;
}

/** A frame that was left unfinished because the worker had to stop. */
export interface DroppedFrame {
  readonly frame: number;
  /** Seconds of work that are lost. */
  readonly seconds: number;
}

export interface FramesResult {
  /** Failed frames, and why. Frames that were never begun are neither here nor in storage. */
  readonly failed: ReadonlyMap<number, FrameFault>;
  readonly dropped?: DroppedFrame;
  /** Why Blender ended before it could render anything. */
  readonly unusable?: string;
  /** A message about reports that Blender was not asked for. */
  readonly ignored?: string;
  /** Blender's, in bytes, if the system reports it. */
  readonly peakMemoryBytes?: number;
  /** Present if memory was full when Blender ended. */
  readonly outOfMemory?: true;
}

/**
 * Renders frames with one Blender, start to end. When the signal aborts, it begins no frame and finishes the current one if
 * it can by the deadline. Throws what `deliver` throws (storage errors), after Blender has ended. Every failure of Blender
 * itself is a result.
 */
export async function renderFrames(task: FramesTask): Promise<FramesResult> {
  const run = new FramesRun(task);
  return run.result();
}

type FrameSaved = Extract<SessionEvent, { event: 'saved' }>;

class FramesRun {
  private readonly queue: number[];
  private readonly failed = new Map<number, FrameFault>();
  private readonly deliveries = new Set<Promise<void>>();
  private readonly session: BlenderSession;
  private ready = false;
  private isLeaving = false;
  /** Blender is playing a simulation up to the current frame. */
  private isStepping = false;
  private unusable: string | undefined;
  private colorFault: string | undefined;
  private readonly stray = new StrayEvents();
  /** The frame that Blender was asked for, when it was asked, and when Blender reported that it began. */
  private current:
    { readonly frame: number; readonly asked: number; since?: number; lacks?: true } | undefined;
  private peakMemoryBytes = 0;
  private fault: { error: unknown } | undefined;
  private deadline: NodeJS.Timeout | undefined;

  constructor(private readonly task: FramesTask) {
    this.queue = [...task.frames];
    const { onOutput } = task.blender;
    this.session = new BlenderSession({
      ...task.blender,
      expects: (event) => this.expects(event) || this.stray.count(event),
      onEvent: (event) => this.handle(event),
      onOutput: (line) => {
        onOutput(line);
        this.hearProgress(line);
        this.hearColorFault(line);
      },
    });
  }

  async result(): Promise<FramesResult> {
    const { signal } = this.task;
    const stop = () => this.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const reason = await this.session.ended;
      const dropped = this.dropped();
      await Promise.all(this.deliveries);
      if (this.fault) throw this.fault.error;
      return { ...this.conclude(reason), dropped };
    } finally {
      clearTimeout(this.deadline);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Begins no more frames; the current one has until the deadline. */
  private stop(): void {
    const hasBegunNothing = (this.current === undefined && !this.ready) || this.isStepping;
    if (hasBegunNothing) return this.session.kill();
    const { deadline } = interruptionOf(this.task.signal);
    this.deadline = setTimeout(() => this.session.kill(), Math.max(0, deadline - Date.now()));
    this.session.finish();
  }

  private dropped(): DroppedFrame | undefined {
    const { frame, since } = this.current ?? {};
    if (!this.task.signal.aborted || frame === undefined || since === undefined) return undefined;
    return { frame, seconds: (performance.now() - since) / 1000 };
  }

  private conclude(reason: string): FramesResult {
    const { failed, peakMemoryBytes } = this;
    const ignored = this.stray.describe();
    const result = {
      failed,
      ...(peakMemoryBytes > 0 && { peakMemoryBytes }),
      ...(isOutOfMemory(reason) && { outOfMemory: true as const }),
      ignored,
    };
    if (this.task.signal.aborted) return result;
    if (this.colorFault !== undefined) return { ...result, unusable: this.colorFault };
    if (!this.ready) return { ...result, unusable: this.unusable ?? reason };
    // If Blender ended before it began the frame, the frame is not at fault.
    if (this.current?.since !== undefined) this.failed.set(this.current.frame, { reason });
    return result;
  }

  /** Accepts each event of the current frame once, and the end of the start once. */
  private expects(event: SessionEvent): boolean {
    switch (event.event) {
      case 'ready':
      case 'unusable':
        return !this.ready;
      case 'stepping':
      case 'started':
        return this.current?.frame === event.frame && this.current.since === undefined;
      case 'saved':
      case 'failed':
      case 'missing':
        return this.current?.frame === event.frame;
      case 'lacking':
        return this.current?.frame === event.frame && !this.current.lacks;
      default:
        return false;
    }
  }

  private handle(event: SessionEvent): void {
    switch (event.event) {
      case 'unusable':
        this.unusable = event.reason;
        this.session.finish();
        return;
      case 'ready':
        this.ready = true;
        this.task.ready();
        break;
      case 'stepping':
        this.isStepping = true;
        this.task.stepping(event.frame, event.at);
        return;
      case 'started':
        this.isStepping = false;
        if (this.current) this.current.since = performance.now();
        this.task.started(event.frame);
        return;
      case 'lacking':
        if (this.current) this.current.lacks = true;
        this.task.lacking(event.frame, event.files, event.more ?? 0);
        return;
      case 'saved': {
        const seconds = this.believable(event.seconds);
        if (event.data) this.task.data(event.frame, seconds, event.data);
        this.startDelivery({ ...event, seconds });
        this.frameEnded();
        break;
      }
      case 'failed':
        this.frameEnded();
        this.failed.set(event.frame, { reason: event.reason });
        break;
      case 'missing':
        this.frameEnded();
        this.failed.set(event.frame, {
          reason: missingWords(event),
          missing: event.files,
          ...(!event.stays && { endsBlender: true }),
        });
        if (event.stays) break;
        // Another Blender renders the rest.
        this.isLeaving = true;
        this.session.finish();
        return;
    }
    this.next();
  }

  /** At most the seconds that have passed: a report with 1e308 seconds would be unreadable, and the slice's cost lost. */
  private believable(seconds: number): number {
    const { asked } = this.current!;
    return Math.min(seconds, (performance.now() - asked) / 1000);
  }

  private frameEnded(): void {
    this.current = undefined;
    this.peakMemoryBytes = Math.max(this.peakMemoryBytes, this.session.peakMemoryBytes() ?? 0);
  }

  /** Ends Blender, which would otherwise render with its own colours. */
  private hearColorFault(line: string): void {
    const fault = colorFault(line);
    if (fault === undefined) return;
    this.colorFault ??= `the OCIO configuration cannot be loaded: ${fault}`;
    this.session.kill();
  }

  private hearProgress(line: string): void {
    const progress = this.current && parseBlenderProgress(line);
    if (progress) this.task.progress(this.current!.frame, progress);
  }

  private next(): void {
    if (!this.ready || this.isLeaving || this.current || this.deliveries.size >= MOST_UNDELIVERED) return;
    const frame = this.fault || this.task.signal.aborted ? undefined : this.queue.shift();
    if (frame === undefined) {
      this.session.finish();
      return;
    }
    this.current = { frame, asked: performance.now() };
    this.session.render(frame, { threads: this.task.threads?.(), fresh: this.lacksMemory() });
  }

  /** Whether kept data could fill the memory. It is checked at every frame, as later frames may need more. */
  private lacksMemory(): boolean {
    const { blender, parallel } = this.task;
    return this.peakMemoryBytes > KEPT_DATA_SHARE * memoryPart(blender.memoryMib, parallel);
  }

  private startDelivery(saved: FrameSaved): void {
    const delivery = this.deliver(saved).finally(() => {
      this.deliveries.delete(delivery);
      this.next();
    });
    this.deliveries.add(delivery);
  }

  private async deliver({ frame, seconds, master: ending, outputs = [] }: FrameSaved): Promise<void> {
    const { directory } = this.task;
    const path = join(directory, frameName(frame));
    const master = ending && { ending, path: join(directory, frameName(frame, ending)) };
    try {
      const saved = { frame, path, master, outputs: pathsOf(outputs, frame, directory) };
      const outcome = await this.task.deliver(saved, seconds);
      if ('fault' in outcome) this.failed.set(frame, { reason: outcome.fault });
    } catch (error) {
      this.fault ??= { error };
    }
  }
}

/** Where `file_outputs.py` moves the files of a frame. */
function pathsOf(outputs: readonly FileOutput[], frame: number, directory: string): SavedOutput[] {
  return outputs.map((output, index) => ({ ...output, path: join(directory, `${frame}-${index}.output`) }));
}

/** The bytes that a Blender may use: its job's memory, else its part of this machine's. */
const memoryPart = (memoryMib: number | undefined, parallel = 1): number =>
  memoryMib === undefined ? totalmem() / Math.max(1, parallel) : memoryMib * 2 ** 20;

function missingWords({ files, more = 0 }: Extract<SessionEvent, { event: 'missing' }>): string {
  const words = describeFiles(files, files.length + more);
  return `it needs ${words}; put the files where the scene looks for them, or render with --force`;
}
