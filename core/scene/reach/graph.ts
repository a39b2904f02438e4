/** How certainly something comes into a frame. */
export const NONE = 0;
export const MAYBE = 1;
export const SURE = 2;
/** Switched off: `NONE` unless an animation switches it. Only for edges. */
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
 * A link from one data block to another. Each has two parts, which are reached separately. `base` is what a scene composites or
 * edits, a collection's objects, or the materials of a mesh's faces. `extra` is what a scene renders of its layers, nested
 * collections, or the slots without faces.
 */
export interface Edge {
  readonly target: number;
  readonly base: Strength;
  readonly extra: Strength;
  /** Whether the target must be visible in renders. */
  readonly gated?: boolean;
  /** Whether only the source's extra part leads on. */
  readonly ofExtra?: boolean;
  /** Whether it replaces all materials. */
  readonly overrides?: boolean;
}

const GATED = 1 << 4;
const OF_EXTRA = 1 << 5;
const OVERRIDES = 1 << 6;

/** Limits of a graph: 100,000 objects of an ordinary film need half of it. */
const MOST_BLOCKS = 1 << 18;
const MOST_EDGES = 1 << 20;

/** For use beside a packed file in memory. */
const LITTLE = 1 / 8;

const LINKED_ACTION = 'LINKED AC';

/** The data blocks of a file and their links, in bounded memory: `isFull` if there are too many. */
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

  /** Adds a data block; later edges belong to it. */
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

  /** Hides the last block. */
  hide(): void {
    this.#hidden[this.#hidden.length - 1] = true;
  }

  /** Marks the last block: its animation switches something. */
  markSwitched(): void {
    this.#switched.add(this.#codes.length - 1);
  }

  /** Adds an edge of the last block, optionally with other strengths. */
  addEdge(edge: Edge, base: Strength = edge.base, extra: Strength = edge.extra): void {
    const { target, gated, ofExtra, overrides } = edge;
    if (target === 0 || base + extra === 0 || this.isFull) return;
    if (this.#targets.length >= MOST_EDGES * this.#share) this.isFull = true;
    const flags = (gated ? GATED : 0) | (ofExtra ? OF_EXTRA : 0) | (overrides ? OVERRIDES : 0);
    this.#targets.push(target);
    this.#kinds.push(base | (extra << 2) | flags);
  }

  /** Adds edges that are known only after all blocks. */
  addLate(index: number, edges: readonly Edge[]): void {
    this.#late.set(index, edges);
  }

  /** The edges of a block in order, with the index of each target; edges without a target block are left out. */
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

  /** Whether an animation may switch things of the block: its own drivers or its action. A linked action may do anything. */
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

/** A start of the search. */
export interface Root {
  readonly index: number;
  readonly base: Level;
  readonly extra: Level;
}

/** How certainly each data block comes into a frame. */
export interface Levels {
  base(index: number): Level;
  extra(index: number): Level;
}

/**
 * Follows a graph from its roots: the strongest path to a block counts, and its weakest step decides. Time is proportional to
 * the edges, since a block rises at most four times.
 */
export function spreadReach(graph: DataGraph, roots: readonly Root[], materialsReplaced: boolean): Levels {
  const bases = new Map<number, Level>();
  const extras = new Map<number, Level>();
  const switched = new Map<number, boolean>();
  const waiting: number[] = [];

  const isSwitched = (index: number): boolean => {
    let known = switched.get(index);
    if (known === undefined) switched.set(index, (known = graph.isSwitched(index)));
    return known;
  };
  const raise = (index: number, base: Level, extra: Level): void => {
    const isHigher = base > (bases.get(index) ?? NONE) || extra > (extras.get(index) ?? NONE);
    if (!isHigher) return;
    bases.set(index, higher<Level>(base, bases.get(index) ?? NONE));
    extras.set(index, higher<Level>(extra, extras.get(index) ?? NONE));
    waiting.push(index);
  };
  const gate = ({ to, gated }: Edge & { to: number }): Level => {
    if (!gated) return SURE;
    if (isSwitched(to)) return MAYBE;
    return graph.isHidden(to) ? NONE : SURE;
  };
  const follow = (from: number): void => {
    const own = isSwitched(from);
    for (const edge of graph.edges(from)) {
      const source = (edge.ofExtra ? extras.get(from) : bases.get(from)) ?? NONE;
      if (source === NONE) continue;
      const isReplaced = materialsReplaced && !edge.overrides && graph.codeAt(edge.to) === 'MA';
      const most = lower<Level>(lower(source, gate(edge)), isReplaced ? MAYBE : SURE);
      raise(edge.to, lower(levelOf(edge.base, own), most), lower(levelOf(edge.extra, own), most));
    }
  };

  for (const { index, base, extra } of roots) raise(index, base, extra);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) follow(next);
  return { base: (index) => bases.get(index) ?? NONE, extra: (index) => extras.get(index) ?? NONE };
}

/** The level of an edge; `switched`: whether animations switch things of its block. */
export function levelOf(strength: Strength, switched: boolean): Level {
  if (strength === OFF) return switched ? MAYBE : NONE;
  return switched && strength === SURE ? MAYBE : strength;
}

/** `Strip.flag`, `SeqTimelineChannel.flag` and `Strip.type` in `DNA_sequence_types.h`. */
const MUTED = 1 << 5;
const CHANNEL_MUTED = 1 << 1;
const META = 1;
const SOUNDS: readonly number[] = [4, 5];
const TEXT = 41;
const FIRST_EFFECT = 8;

const DEEPEST = 64;

export interface Strip {
  readonly next: number;
  readonly label: string;
  readonly type: number;
  readonly flag: number;
  readonly channel: number;
  /** Frames that it covers; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
  readonly opacity: number;
  /** Whether more than start and length decides its frames. */
  readonly isRetimed: boolean;
  readonly firstChild: number;
  readonly firstChannel: number;
}

export interface Channel {
  readonly next: number;
  readonly index: number;
  readonly flag: number;
}

/** The lists of a sequence editor, by address. */
export interface Edit {
  readonly strips: ReadonlyMap<number, Strip>;
  readonly channels: ReadonlyMap<number, Channel>;
  readonly firstStrip: number;
  readonly firstChannel: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** How certainly each strip is seen in the frames `span`, by address. Strips in no list are left out. */
export function stripStrengths(edit: Edit, span: Span): Map<number, Strength> {
  const found = new Map<number, Strength>();
  const walk = (first: number, firstChannel: number, most: Strength, depth: number): void => {
    const siblings = listOf(edit.strips, first, found);
    const muted = mutedChannels(edit.channels, firstChannel);
    for (const [address, strip] of siblings) {
      const own = strengthOf(strip, siblings, muted, span);
      const strength = most === OFF || own === OFF ? OFF : lower<Strength>(most, own);
      found.set(address, strength);
      if (strip.type === META && depth < DEEPEST)
        walk(strip.firstChild, strip.firstChannel, strength, depth + 1);
    }
  };
  walk(edit.firstStrip, edit.firstChannel, SURE, 0);
  return found;
}

/** Whether Blender renders the sequencer instead of the scene (`RE_seq_render_active`), as far as strips show. */
export function rendersStrips({ strips, firstStrip }: Edit): boolean {
  return listOf(strips, firstStrip).some(
    ([, { type, flag }]) => !SOUNDS.includes(type) && (flag & MUTED) === 0,
  );
}

function listOf(
  strips: ReadonlyMap<number, Strip>,
  first: number,
  seen: ReadonlyMap<number, unknown> = new Map(),
): [address: number, strip: Strip][] {
  const found = new Map<number, Strip>();
  for (let address = first; ;) {
    const strip = strips.get(address);
    if (!strip || found.has(address) || seen.has(address)) return [...found];
    found.set(address, strip);
    address = strip.next;
  }
}

function mutedChannels(channels: ReadonlyMap<number, Channel>, first: number): Set<number> {
  const muted = new Set<number>();
  const seen = new Set<number>();
  for (let address = first; !seen.has(address);) {
    const channel = channels.get(address);
    if (!channel) break;
    seen.add(address);
    if ((channel.flag & CHANNEL_MUTED) !== 0) muted.add(channel.index);
    address = channel.next;
  }
  return muted;
}

/** Strips that are compared with each other: with more the answer is `MAYBE`, so that time stays proportional to the strips. */
const MOST_SIBLINGS = 500;

function strengthOf(
  strip: Strip,
  siblings: readonly [number, Strip][],
  muted: ReadonlySet<number>,
  { start, end }: Span,
): Strength {
  const isMuted = ({ flag, channel }: Strip): boolean => (flag & MUTED) !== 0 || muted.has(channel);
  if (isMuted(strip)) return OFF;
  if (SOUNDS.includes(strip.type)) return MAYBE;
  if (strip.opacity === 0 || siblings.length > MOST_SIBLINGS) return MAYBE;
  if (strip.type >= FIRST_EFFECT || strip.isRetimed) return MAYBE;
  let seen: Span[] = [{ start: Math.max(strip.start, start), end: Math.min(strip.end, end + 1) }];
  for (const [, other] of siblings) {
    if (other.channel <= strip.channel || isMuted(other)) continue;
    if (SOUNDS.includes(other.type) || other.type === TEXT) continue;
    // An effect covers its own inputs.
    if (other.type >= FIRST_EFFECT || other.isRetimed) return MAYBE;
    seen = seen.flatMap((span) => without(span, other));
  }
  return seen.some((span) => span.end > span.start) ? SURE : MAYBE;
}

function without({ start, end }: Span, cover: Span): Span[] {
  return [
    { start, end: Math.min(end, cover.start) },
    { start: Math.max(start, cover.end), end },
  ].filter((span) => span.end > span.start);
}
