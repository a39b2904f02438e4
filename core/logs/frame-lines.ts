import { parseWorkerEvent, type WorkerEvent } from '../contract/worker-event';

/** What a line of a job's output holds, where it is its worker's. */
export interface ToldLine {
  readonly event?: WorkerEvent | undefined;
  /** The frame that it is about, as far as it can be told. */
  readonly frame?: number | undefined;
}

/** How Blender, of any version, begins the lines that name the frame which it is at. */
const NAMES_FRAME = /^(?:\d{2,}:\d{2}\.\d{3}\s+[\w.]+\s+\| )?Fra: ?(-?\d+)\b/;

/**
 * Tells of the lines of one attempt, in order, which frame each is about. What Blender says itself belongs to the frame that it
 * has begun last, unless it names another; what the worker says of a frame may come while Blender is at the next.
 */
export class FrameLines {
  private current: number | undefined;

  read(text: string): ToldLine {
    const event = parseWorkerEvent(text);
    return { event, frame: event && this.frameOf(event) };
  }

  private frameOf(event: WorkerEvent): number | undefined {
    if ('frame' in event) {
      if (event.event === 'frame-started') this.current = event.frame;
      if (event.event === 'frame-failed' && event.frame === this.current) this.current = undefined;
      return event.frame;
    }
    if (event.event !== 'output' || event.program !== 'blender') return undefined;
    const named = NAMES_FRAME.exec(event.line)?.[1];
    return named === undefined ? this.current : Number(named);
  }
}
