import type { SequencePlay } from '../blend/contents/blend-contents';

/** Frames of a scene, both inclusive. */
export interface FrameSpan {
  readonly start: number;
  readonly end: number;
}

/** Frames that are worked out one by one; more than that no sequence has. */
const LONGEST_SPAN = 100_000;

/**
 * The numbers of a sequence's pictures that are seen while a scene runs, ascending: pure. Pictures before the play's
 * start are left out: whether Blender shows any then depends on where.
 * As `BKE_image_user_frame_get` in Blender's `image.cc` has it.
 */
export function playedFrames(plays: readonly SequencePlay[], { start, end }: FrameSpan): number[] {
  if (end - start >= LONGEST_SPAN) return [];
  const pictures = new Set<number>();
  for (const play of plays) {
    for (let frame = start; frame <= end; frame += 1) {
      const position = positionAt(frame, play);
      if (position >= 1) pictures.add(position + play.offset);
    }
  }
  return [...pictures].filter((picture) => picture >= 0).toSorted((a, b) => a - b);
}

/** From 1 on; less before the play starts. */
function positionAt(frame: number, { frames, start, cyclic }: SequencePlay): number {
  const position = frame - start + 1;
  if (!cyclic) return Math.min(position, frames);
  const rest = ((position % frames) + frames) % frames;
  return rest === 0 ? frames : rest;
}
