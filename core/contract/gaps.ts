import * as z from 'zod/mini';
import { countOf } from '../count-words';
import { SpotreelError } from '../errors';
import { parseJson } from './parse-json';

/** Of what a video lacks of its sound: what `mixSound` reports and a little more. */
const MOST_SOUND_REASONS = 20;

/** `gaps.json`: the frames and the sound that `output.partial.mp4` lacks. There is none beside a video that lacks nothing. */
export const gapsSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    /** When the video was made. */
    at: z.iso.datetime(),
    /** Of the video, gaps included. */
    frameCount: z.int().check(z.gte(1)),
    /** Whether the pictures that fill gaps say so. */
    marked: z.boolean(),
    /** In the order of the video. */
    gaps: z.array(
      z.object({
        frame: z.int(),
        /** In Blender's own words where it has said anything. */
        reason: z.string(),
        /** The frame whose picture stands in its place. */
        shown: z.int(),
      }),
    ),
    /** What the video lacks of the scene's sound and why, a sentence each; absent where it lacks none. */
    sound: z.optional(z.array(z.string()).check(z.maxLength(MOST_SOUND_REASONS))),
  }),
);

export type Gaps = z.infer<typeof gapsSchema>;

/** What the video lacks, in one line for people: pure. */
export function describeGaps({ gaps, frameCount, sound = [] }: Gaps): string {
  const are = gaps.length === 1 ? 'is' : 'are';
  const frames =
    gaps.length === 0 && sound.length > 0
      ? []
      : [
          `${gaps.length} of ${countOf(frameCount, 'frame')} ${are} missing in the video; gaps.json names them`,
        ];
  const more = sound.length > 1 ? ` (and ${countOf(sound.length - 1, 'more reason')}: gaps.json)` : '';
  return [...frames, ...sound.slice(0, 1).map((one) => `${one}${more}`)].join('; ');
}

/** Reads a `gaps.json`. Throws `bad-gaps` naming `where` and the field at fault. */
export function parseGaps(bytes: Uint8Array, where: string): Gaps {
  return parseJson(gapsSchema, bytes, (reason) => {
    const message = `${where} is no list of gaps of this version of Spotreel (${reason}); delete it`;
    return new SpotreelError('bad-gaps', 'internal', message);
  });
}
