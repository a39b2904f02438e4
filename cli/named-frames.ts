import type { Manifest } from '../core/contract/manifest';
import { SpotreelError } from '../core/errors';
import { describeRanges, framesOf } from '../core/render/frame-range';
import { parseFrameRanges } from '../core/render/parse-frames';
import { printableName } from '../core/printable';

/** The plan's frames that `--frames` names. Throws `bad-usage` where there are none. */
export function namedFrames(text: string, { frames }: Pick<Manifest, 'frames'>): Set<number> {
  const planned = new Set(framesOf(frames));
  const named = [...framesOf(parseFrameRanges(text))].filter((frame) => planned.has(frame));
  if (named.length > 0) return new Set(named);
  const message = `--frames ${printableName(text)}: none of them is a frame of this render, which has ${describeRanges(frames)}`;
  throw new SpotreelError('bad-usage', 'usage', message);
}
