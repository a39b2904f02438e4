import * as z from 'zod/mini';

const submittedJobSchema = z.lazy(() =>
  z.object({
    jobArn: z.optional(z.string()),
    jobId: z.string().check(z.minLength(1)),
    jobName: z.string().check(z.minLength(1)),
  }),
);

/** `jobs.json`: the two jobs of a render, as SubmitJob answered. */
export const jobsSchema = z.lazy(() => z.object({ render: submittedJobSchema, stitch: submittedJobSchema }));

export type RenderJobs = z.infer<typeof jobsSchema>;

export const renderJobName = (renderId: string): string => `${renderId}_Rendering`;
export const stitchJobName = (renderId: string): string => `${renderId}_Stitching`;
/** The job that makes a video of what is there, once the render job has failed. */
export const salvageJobName = (renderId: string): string => `${renderId}_Salvaging`;
