import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { parseJson } from './parse-json';

/** `gaps.json`: the frames that `output.partial.mp4` lacks. There is none beside a video that lacks none. */
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
  }),
);

export type Gaps = z.infer<typeof gapsSchema>;

/** Reads a `gaps.json`. Throws `bad-gaps` naming `where` and the field at fault. */
export function parseGaps(bytes: Uint8Array, where: string): Gaps {
  return parseJson(gapsSchema, bytes, (reason) => {
    const message = `${where} is no list of gaps of this version of Spotreel (${reason}); delete it`;
    return new SpotreelError('bad-gaps', 'internal', message);
  });
}
