import type { LinkedData, Reach, RenderedPart } from '../blend/contents/blend-contents';

const ORDER: readonly Reach[] = ['unused', 'maybe', 'rendered'];

/** What is taken from each library, by all that were found to link it; `undefined` where one can't tell. */
export class LibraryData {
  readonly #wanted = new Map<string, Map<string, Reach> | undefined>();
  /** Libraries that were read before all of that was known. */
  readonly #late = new Set<string>();
  readonly #read = new Set<string>();

  /** Notes what a file takes from the library at `place`. */
  add(place: string, linked: readonly LinkedData[] | undefined): void {
    const known = this.#wanted.get(place);
    if (linked === undefined || (known === undefined && this.#wanted.has(place))) {
      this.#wanted.set(place, undefined);
      this.#late.add(place);
      return;
    }
    const wanted = known ?? new Map<string, Reach>();
    this.#wanted.set(place, wanted);
    for (const { name, reach } of linked) {
      const before = wanted.get(name);
      const isMore = before === undefined || ORDER.indexOf(reach) > ORDER.indexOf(before);
      if (isMore) wanted.set(name, reach);
      if (isMore && this.#read.has(place)) this.#late.add(place);
    }
  }

  /** To read the library by; from now on what is added comes too late. */
  take(place: string): RenderedPart | undefined {
    this.#read.add(place);
    const data = this.#wanted.get(place);
    return data && { data };
  }

  /** What of the library's files is said of one: `unused` may be wrong where more of it was taken later. */
  judge(place: string, reach: Reach | undefined): Reach | undefined {
    return reach === 'unused' && this.#late.has(place) ? 'maybe' : reach;
  }
}
