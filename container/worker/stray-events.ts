import type { SessionEvent } from './blender-session';

/** Frames that are named at most. */
const MOST_NAMED = 5;

/** Events of Blender that nothing asked for. They are only counted: a scene can write as many as it likes. */
export class StrayEvents {
  private events = 0;
  private readonly frames = new Set<number>();

  /** Counts it; answers that it is not expected. */
  count(event: SessionEvent): false {
    this.events += 1;
    if ('frame' in event && this.frames.size < MOST_NAMED) this.frames.add(event.frame);
    return false;
  }

  /** What was ignored, in one line; `undefined` for nothing. */
  describe(): string | undefined {
    if (this.events === 0) return undefined;
    const frames = this.frames.size === 0 ? '' : `, such as of frame ${[...this.frames].join(', ')}`;
    return `Spotreel ignored ${this.events} reports of Blender that it had not asked for${frames}; the scene may be hostile`;
  }
}
