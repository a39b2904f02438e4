import * as z from 'zod/mini';

const stitchAttemptSchema = z.lazy(() =>
  z.object({
    startedAt: z.iso.datetime(),
    /** Absent while it runs, and of one that was cut off with its machine. */
    stoppedAt: z.optional(z.iso.datetime()),
    exitCode: z.optional(z.int()),
  }),
);

/** `stitch.json`: how long the jobs that made the video ran, attempt by attempt, salvage included. */
export const stitchRecordSchema = z.lazy(() =>
  z.object({ version: z.literal(1), attempts: z.array(stitchAttemptSchema) }),
);

export type StitchRecord = z.infer<typeof stitchRecordSchema>;
