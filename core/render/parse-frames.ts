import { SpotreelError } from '../errors';
import { printableName } from '../printable';
import { countFrames, MAX_FRAME, MIN_FRAME, rangeOf, type FrameRange, type FrameRanges } from './frame-range';
import { mergeRanges } from './merge-ranges';

/** Parts between commas, at most: more than anybody types, and few enough to merge in no time. */
export const MOST_PARTS = 1000;

/** Frames of all parts together, at most: as many as Blender has frame numbers. More must repeat some of them. */
export const MOST_FRAMES = MAX_FRAME - MIN_FRAME + 1;

const PART = /^(-?\d{1,10})(?:-(-?\d{1,10})(?:x(\d{1,10}))?)?$/;

/**
 * Reads `1-10,20,30-50x2` (commas between parts, `x` before a step, negative frames as in `-5--1`) into ascending
 * ranges without a repeated frame. Throws `SpotreelError` `bad-frame-range` (usage) that names the bad part or the limit.
 */
export function parseFrameRanges(text: string): FrameRanges {
  const parts = text.split(',', MOST_PARTS + 1);
  const where = `frame range "${printableName(text)}"`;
  if (parts.length > MOST_PARTS)
    throw bad(`${where}: it has more than ${MOST_PARTS} parts; join parts, such as 1,2,3 to 1-3`);
  const ranges = parts.map((part) => parsePart(part.trim(), where));
  if (countFrames(ranges) > MOST_FRAMES)
    throw bad(
      `${where}: its parts hold ${countFrames(ranges)} frames, more than ${MOST_FRAMES}; name each frame once`,
    );
  try {
    return mergeRanges(ranges);
  } catch (error) {
    throw error instanceof SpotreelError ? bad(`${where}: ${error.message}`) : error;
  }
}

function parsePart(part: string, where: string): FrameRange {
  const match = PART.exec(part);
  if (!match)
    throw bad(`${where}: "${printableName(part)}" is no frame or range; write e.g. 1-10,20,30-50x2`);
  const start = Number(match[1]);
  const end = Number(match[2] ?? match[1]);
  const step = Number(match[3] ?? 1);
  if (start > end) throw bad(`${where}: ${part} starts after its end; write ${end}-${start}`);
  if (step < 1) throw bad(`${where}: the step in ${part} must be 1 or more`);
  if (start < MIN_FRAME || end > MAX_FRAME)
    throw bad(`${where}: ${part} is beyond Blender's limits, ${MIN_FRAME} to ${MAX_FRAME}`);
  return rangeOf(start, end, step);
}

function bad(message: string): SpotreelError {
  return new SpotreelError('bad-frame-range', 'usage', message);
}
