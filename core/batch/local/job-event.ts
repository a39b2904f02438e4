import { z } from 'zod';
import { submitJobRequestSchema } from './submit-job-schema';

/** Milliseconds since 1970, as far as a `Date` holds them. */
const at = z.number().min(0).max(8.64e15);
/** Of a child; a plain job counts as one child, 0. */
const index = z.int().nonnegative();

/** The first line of a job's journal. */
export const submittedSchema = z.object({
  type: z.literal('submitted'),
  at,
  jobId: z.uuid(),
  /** Orders the jobs of a state directory; times alone could be equal. */
  sequence: z.int().nonnegative(),
  request: submitJobRequestSchema,
});

export type Submitted = z.infer<typeof submittedSchema>;

/** What happened to a job, one journal line each. Without `index` it happened to every child it applies to. */
export const jobEventSchema = z.discriminatedUnion('type', [
  /** The dependencies have succeeded. */
  z.object({ type: z.literal('ready'), at, index: index.optional() }),
  z.object({ type: z.literal('dependency-failed'), at, index: index.optional() }),
  z.object({ type: z.literal('started'), at, index }),
  /** An attempt is over; `status` is what becomes of the child: `RUNNABLE` means that it is retried. */
  z.object({
    type: z.literal('ended'),
    at,
    index,
    status: z.enum(['RUNNABLE', 'SUCCEEDED', 'FAILED']),
    exitCode: z.int().optional(),
    reason: z.string().optional(),
    statusReason: z.string().optional(),
  }),
  /** An attempt came to nothing because the scheduler went away. */
  z.object({ type: z.literal('lost'), at, index }),
  z.object({ type: z.literal('cancelled'), at, index: index.optional(), reason: z.string() }),
  z.object({ type: z.literal('terminated'), at, index: index.optional(), reason: z.string() }),
]);

export type JobEvent = z.infer<typeof jobEventSchema>;
