/** How sure it is that something comes into a frame. */
export const NONE = 0;
export const MAYBE = 1;
export const SURE = 2;
/** Switched off, and so `NONE` where no animation switches it. Only of edges. */
export const OFF = 3;

export type Level = 0 | 1 | 2;
export type Strength = 0 | 1 | 2 | 3;

export function lower<T extends number>(one: T, other: T): T {
  return one < other ? one : other;
}

export function higher<T extends number>(one: T, other: T): T {
  return one > other ? one : other;
}

const STRENGTHS: readonly Strength[] = [NONE, MAYBE, SURE, OFF];

/**
 * How one data block leads to another. Each has two parts, of which either may be reached alone: of a scene what it
 * composites or edits (`base`), and what it renders of its layers (`extra`); of a collection its objects, and the collections within it;
 * of a mesh what its faces use, and the slots that no face uses.
 */
export interface Edge {
  readonly target: number;
  readonly base: Strength;
  readonly extra: Strength;
  /** Whether the target has to be visible in renders. */
  readonly gated?: boolean;
  /** Whether it is followed only where the source's extra part is reached. */
  readonly ofExtra?: boolean;
  /** Whether it stands in for all materials. */
  readonly overrides?: boolean;
}

const GATED = 1 << 4;
const OF_EXTRA = 1 << 5;
const OVERRIDES = 1 << 6;

/** What a graph may hold: 100,000 objects of an ordinary film take half of it. */
const MOST_BLOCKS = 1 << 18;
const MOST_EDGES = 1 << 20;

/** Beside a packed file that is held. */
const LITTLE = 1 / 8;

const LINKED_ACTION = 'LINKED AC';

/** The data blocks of a file and what leads from one to another, in bounded memory: `isFull` once there are too many of them. */
export class DataGraph {
  readonly #indices = new Map<number, number>();
  readonly #codes: string[] = [];
  readonly #firstEdges: number[] = [];
  readonly #hidden: boolean[] = [];
  readonly #switched = new Set<number>();
  readonly #targets: number[] = [];
  readonly #kinds: number[] = [];
  readonly #late = new Map<number, readonly Edge[]>();
  #hasLinkedActions = false;
  #share = 1;
  isFull = false;

  setLittleRoom(): void {
    this.#share = LITTLE;
  }

  indexOf(address: number): number | undefined {
    return this.#indices.get(address);
  }

  codeAt(index: number): string {
    return this.#codes[index]!;
  }

  isHidden(index: number): boolean {
    return this.#hidden[index]!;
  }

  /** The next data block; edges that follow are its. */
  addBlock(address: number, code: string): number {
    const index = this.#codes.length;
    if (index >= MOST_BLOCKS * this.#share) this.isFull = true;
    if (this.isFull) return index;
    this.#indices.set(address, index);
    this.#codes.push(code);
    this.#hasLinkedActions ||= code === LINKED_ACTION;
    this.#hidden.push(false);
    this.#firstEdges.push(this.#targets.length);
    return index;
  }

  /** Of the last block. */
  hide(): void {
    this.#hidden[this.#hidden.length - 1] = true;
  }

  /** Of the last block: an animation of it switches something on or off. */
  markSwitched(): void {
    this.#switched.add(this.#codes.length - 1);
  }

  /** Of the last block, and, where they are given, with other strengths than its own. */
  addEdge(edge: Edge, base: Strength = edge.base, extra: Strength = edge.extra): void {
    const { target, gated, ofExtra, overrides } = edge;
    if (target === 0 || base + extra === 0 || this.isFull) return;
    if (this.#targets.length >= MOST_EDGES * this.#share) this.isFull = true;
    const flags = (gated ? GATED : 0) | (ofExtra ? OF_EXTRA : 0) | (overrides ? OVERRIDES : 0);
    this.#targets.push(target);
    this.#kinds.push(base | (extra << 2) | flags);
  }

  /** More edges of a block, known only once all blocks are. */
  addLate(index: number, edges: readonly Edge[]): void {
    this.#late.set(index, edges);
  }

  /** Those of a block, in their order, and the index of the block that each leads to; edges to no block are left out. */
  *edges(index: number): Iterable<Edge & { readonly to: number }> {
    const end = this.#firstEdges[index + 1] ?? this.#targets.length;
    for (let at = this.#firstEdges[index]!; at < end; at += 1) {
      const target = this.#targets[at]!;
      const to = this.#indices.get(target);
      if (to === undefined) continue;
      const kind = this.#kinds[at]!;
      yield {
        target,
        to,
        base: STRENGTHS[kind & 3]!,
        extra: STRENGTHS[(kind >> 2) & 3]!,
        gated: (kind & GATED) !== 0,
        ofExtra: (kind & OF_EXTRA) !== 0,
        overrides: (kind & OVERRIDES) !== 0,
      };
    }
    for (const edge of this.#late.get(index) ?? []) {
      const to = this.#indices.get(edge.target);
      if (to !== undefined) yield { ...edge, to };
    }
  }

  /** Whether an animation may switch things of the block: its own drivers, or an action that it uses. A linked action may do anything. */
  isSwitched(index: number): boolean {
    if (this.#switched.has(index)) return true;
    if (this.#switched.size === 0 && !this.#hasLinkedActions) return false;
    for (const { to } of this.edges(index)) {
      const code = this.#codes[to];
      if (code === LINKED_ACTION || (code === 'AC' && this.#switched.has(to))) return true;
    }
    return false;
  }
}
