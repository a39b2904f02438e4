import * as z from 'zod/mini';

/** `failures/<frame>.json`: a frame that was given up. */
export const failureSchema = z.object({
  version: z.literal(1),
  frame: z.int(),
  slice: z.int().check(z.gte(0)),
  /** How often it was tried in this attempt of the job. */
  tries: z.int().check(z.gte(1)),
  /** In Blender's own words where it has said anything. */
  reason: z.string(),
  /** Files that it lacks, the first of them; absent where it failed for another reason. */
  missing: z.optional(z.array(z.string())),
  failedAt: z.iso.datetime(),
});

export type FrameFailure = z.infer<typeof failureSchema>;
