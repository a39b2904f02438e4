import * as z from 'zod/mini';
import { describeIssues } from '../../core/contract/parse-json';
import { SpotreelError } from '../../core/errors';

/**
 * "Batch Job State Change" as EventBridge delivers it: its detail resembles DescribeJobs' answer. Fields that are not
 * used may be anything. Source: https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html
 */
const jobStateChangeSchema = z.lazy(() =>
  z.object({
    source: z.literal('aws.batch'),
    'detail-type': z.literal('Batch Job State Change'),
    detail: z.object({
      jobId: z.string().check(z.minLength(1)),
      jobName: z.string().check(z.minLength(1)),
      status: z.string(),
      statusReason: z.optional(z.string()),
      createdAt: z.optional(z.number()),
      isCancelled: z.optional(z.boolean()),
      isTerminated: z.optional(z.boolean()),
      arrayProperties: z.optional(
        z.object({
          size: z.optional(z.number()),
          index: z.optional(z.number()),
          statusSummary: z.optional(z.record(z.string(), z.number())),
        }),
      ),
      container: z.optional(
        z.object({
          command: z.optional(z.array(z.string())),
          exitCode: z.optional(z.number()),
          reason: z.optional(z.string()),
        }),
      ),
    }),
  }),
);

/** A job has gone into another state. */
export interface JobStateChange {
  readonly jobId: string;
  readonly jobName: string;
  readonly status: string;
  readonly statusReason?: string | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt?: number | undefined;
  /** By CancelJob or TerminateJob. */
  readonly isCancelled?: boolean | undefined;
  readonly isTerminated?: boolean | undefined;
  readonly arrayProperties?:
    | {
        readonly size?: number | undefined;
        /** Of a child, and only of a child. */
        readonly index?: number | undefined;
        readonly statusSummary?: Readonly<Record<string, number>> | undefined;
      }
    | undefined;
  readonly container?:
    | {
        readonly command?: readonly string[] | undefined;
        readonly exitCode?: number | undefined;
        readonly reason?: string | undefined;
      }
    | undefined;
}

/** Reads an event of EventBridge. Throws `bad-event` naming the field at fault. */
export function parseJobStateChange(event: unknown): JobStateChange {
  const result = jobStateChangeSchema.safeParse(event);
  if (result.success) return result.data.detail;
  const message = `the event is no "Batch Job State Change" (${describeIssues(result.error)}): mend the EventBridge rule`;
  throw new SpotreelError('bad-event', 'internal', message);
}
