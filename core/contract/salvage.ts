import * as z from 'zod/mini';

/** `salvage.json`: who submits the salvage job of which render job, and then which it is. */
export const salvageSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    /** The id of the render job that has failed. */
    renderJob: z.string(),
    owner: z.string(),
    /** When `owner` counts as gone, if it has noted no job. */
    staleAt: z.iso.datetime(),
    jobId: z.optional(z.string()),
    /** Why the render job was stopped, where that was on purpose and a video was wanted all the same. */
    because: z.optional(z.string()),
  }),
);

export type Salvage = z.infer<typeof salvageSchema>;

/** So long after a render job has failed, a salvage job may yet be submitted. */
export const SALVAGE_SECONDS = 120;
