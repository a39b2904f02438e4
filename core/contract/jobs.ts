import * as z from 'zod/mini';
import { asciiName } from './render-id';

const submittedJobSchema = z.lazy(() =>
  z.object({
    jobArn: z.optional(z.string()),
    jobId: z.string().check(z.minLength(1)),
    jobName: z.string().check(z.minLength(1)),
  }),
);

/** Of a pair of jobs that renders what is missing: what its plan says in short. */
export const jobsRetrySchema = z.lazy(() =>
  z.object({
    /** Of its plan, `retries/<number>.json`. */
    number: z.int().check(z.gte(1)),
    why: z.enum(['asked', 'reclaimed']),
    /** How many children the render job has. 0: there is none, and `render` is the job of the pair before. */
    slices: z.int().check(z.gte(0)),
    /** How many frames are rendered. */
    frames: z.int().check(z.gte(0)),
    /** Whether frames will be missing all the same. */
    partial: z.optional(z.literal(true)),
    /** Whether they are rendered on On-Demand machines. */
    onDemand: z.optional(z.literal(true)),
  }),
);

export type JobsRetry = z.infer<typeof jobsRetrySchema>;

/** `jobs.json`: the newest pair of jobs of a render, as SubmitJob answered. */
export const jobsSchema = z.lazy(() =>
  z.object({
    render: submittedJobSchema,
    stitch: submittedJobSchema,
    /** Absent for the first pair, which renders all. */
    retry: z.optional(jobsRetrySchema),
  }),
);

export type RenderJobs = z.infer<typeof jobsSchema>;

/** The jobs of a retry have names of their own. AWS Batch takes ASCII only, so a render id is spelled by `asciiName`. */
export const renderJobName = (renderId: string, retry?: number): string =>
  `${asciiName(renderId)}${retryPart(retry)}_Rendering`;
export const stitchJobName = (renderId: string, retry?: number): string =>
  `${asciiName(renderId)}${retryPart(retry)}_Stitching`;

function retryPart(retry: number | undefined): string {
  return retry === undefined ? '' : `_Retry${retry}`;
}

/** The job that makes a video of what is there, once the render job has failed. */
export const salvageJobName = (renderId: string): string => `${asciiName(renderId)}_Salvaging`;
