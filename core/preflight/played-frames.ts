import type { SequencePlay } from '../blend/contents/blend-contents';

/** Frames of a scene, both inclusive. */
export interface FrameSpan {
  readonly start: number;
  readonly end: number;
}

/** Frames that are worked out one by one; more than that no sequence has. */
const LONGEST_SPAN = 100_000;

/**
 * The numbers of a sequence's pictures that are shown while a scene runs, ascending: pure.
 * As `BKE_image_user_frame_get` in Blender's `image.cc` and `volume_sequence_frame` in `volume.cc` have it.
 */
export function playedFrames(plays: readonly SequencePlay[], { start, end }: FrameSpan): number[] {
  if (end - start >= LONGEST_SPAN) return [];
  const pictures = new Set<number>();
  for (const play of plays) {
    for (let frame = start; frame <= end; frame += 1) {
      const position = positionAt(frame, play);
      if (position !== undefined) pictures.add(position + play.offset);
    }
  }
  return [...pictures].filter((picture) => picture >= 0).toSorted((a, b) => a - b);
}

/** All numbers of these runs, at most 100,000: pure. */
export function numbersIn(runs: readonly (readonly [first: number, last: number])[]): number[] {
  const numbers: number[] = [];
  for (const [first, last] of runs) {
    for (let number = first; number <= last && numbers.length < LONGEST_SPAN; number += 1)
      numbers.push(number);
  }
  return numbers;
}

/** From 1 on, and 0 before the start of a play `from-zero`; `undefined` where no picture is shown. */
function positionAt(frame: number, { frames, start, cyclic, mode }: SequencePlay): number | undefined {
  const position = frame - start + 1;
  if (cyclic) return wrapped(position, frames);
  switch (mode) {
    case 'clip':
      return position >= 1 && position <= frames ? position : undefined;
    case 'extend':
      return Math.min(Math.max(position, 1), frames);
    case 'ping-pong': {
      const turn = wrapped(position, Math.max(frames * 2 - 2, 1));
      return turn > frames ? frames * 2 - turn : turn;
    }
    case 'from-zero':
      return Math.min(Math.max(position, 0), frames);
    default:
      return position >= 1 ? Math.min(position, frames) : undefined;
  }
}

/** From 1 to `length`, over and over. */
function wrapped(position: number, length: number): number {
  const rest = ((position % length) + length) % length;
  return rest === 0 ? length : rest;
}
