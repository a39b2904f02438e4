import { lower, MAYBE, OFF, SURE, type Strength } from './data-graph';

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
  /** Frames that it covers: from the first to before the last. */
  readonly start: number;
  readonly end: number;
  readonly opacity: number;
  /** Whether its frames are not told by start and length alone. */
  readonly isRetimed: boolean;
  readonly firstChild: number;
  readonly firstChannel: number;
}

export interface Channel {
  readonly next: number;
  readonly index: number;
  readonly flag: number;
}

/** The lists of a sequence editor, by addresses. */
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

/** How surely each strip is seen in the frames `span`, by address. Strips of no list are left out. */
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

/** Whether Blender renders the sequencer instead of the scene (`RE_seq_render_active`), as far as the strips tell. */
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

/** Siblings that are compared: beyond that nothing is said for sure, so that time stays in proportion to the strips. */
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
    // An effect lies over those that it is made from.
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
