import type { BlendContents } from '../blend/contents/blend-contents';

/** Seconds that the files of an upload are looked for. The Lambda that handles it has 180 for all of its work. */
export const UPLOAD_SECONDS = 60;

/** What all libraries of a scene hold together: each entry is kept in memory. */
const MOST_HELD = 200_000;

/** Bounds time and memory of a walk: a few hundred small files can name work for hours. */
export class WalkBudget {
  /** Whether something was left out. */
  isSpent = false;
  private held = 0;
  private readonly end: number;

  /** Without `seconds` only memory is bounded. `now` in milliseconds, of any clock that never goes back. */
  constructor(
    seconds = Infinity,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.end = now() + seconds * 1000;
  }

  /** To be asked before each dependency is looked for, and before each library is read. */
  hasMore(): boolean {
    this.isSpent ||= this.held > MOST_HELD || this.now() > this.end;
    return !this.isSpent;
  }

  /** To be told of what a library holds. */
  hold({ dependencies, unbaked, scripts, fileOutputs, speakers }: BlendContents): void {
    const { texts, freestyleModules, unsafeNames, scriptNodes } = scripts;
    for (const kept of [dependencies, unbaked, texts, freestyleModules, unsafeNames, scriptNodes])
      this.held += kept.length;
    this.held += fileOutputs.length + speakers.length;
  }
}
