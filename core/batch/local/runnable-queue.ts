import type { JobState } from './job-state';

/** A child that waits for a free place. */
export interface RunnableChild {
  readonly job: JobState;
  readonly index: number;
}

/**
 * Hands out children by their job's submission, then by index; a binary heap, so that a retried child finds its
 * place among 10,000 others without a search. A child that was cancelled meanwhile still comes out: the taker looks
 * at its status.
 */
export class RunnableQueue {
  readonly #heap: RunnableChild[] = [];

  push(child: RunnableChild): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(child, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = child;
  }

  pop(): RunnableChild | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [a, b] = [heap[left], heap[left + 1]];
      if (a === undefined) break;
      const [smaller, from] = b !== undefined && isBefore(b, a) ? [b, left + 1] : [a, left];
      if (!isBefore(smaller, last)) break;
      heap[at] = smaller;
      at = from;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: RunnableChild, b: RunnableChild): boolean {
  return a.job.sequence === b.job.sequence ? a.index < b.index : a.job.sequence < b.job.sequence;
}
