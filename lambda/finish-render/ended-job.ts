import * as z from 'zod/mini';
import { SpotreelError } from '../../core/errors';
import { parseWorkerArgv } from '../../core/jobs/worker';
import { describeIssues } from '../../core/json';
import { folderUrl } from '../../core/render/keys';
import {
  capReason,
  MAX_COST_REASON,
  renderJobName,
  salvageJobName,
  stitchJobName,
} from '../../core/render/records';
import { Render } from '../../core/render/render';
import { parseLocation, type Storage } from '../../core/storage/storage';

/**
 * "Batch Job State Change" of EventBridge, whose detail resembles the output of DescribeJobs. Ignores unused fields.
 * Source: https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html
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

/** A job has reached another state. */
export interface JobStateChange {
  readonly jobId: string;
  readonly jobName: string;
  readonly status: string;
  readonly statusReason?: string;
  /** Milliseconds since 1970. */
  readonly createdAt?: number;
  /** By CancelJob or TerminateJob. */
  readonly isCancelled?: boolean;
  readonly isTerminated?: boolean;
  readonly arrayProperties?:
    | {
        readonly size?: number;
        /** Only children have an index. */
        readonly index?: number;
        readonly statusSummary?: Readonly<Record<string, number>> | undefined;
      }
    | undefined;
  readonly container?:
    | {
        readonly command?: readonly string[];
        readonly exitCode?: number;
        readonly reason?: string;
      }
    | undefined;
}

/** Reads an event of EventBridge. Throws `bad-event`, which names the wrong field. */
export function parseJobStateChange(event: unknown): JobStateChange {
  const result = jobStateChangeSchema.safeParse(event);
  if (result.success) return result.data.detail;
  const message = `the event is not a "Batch Job State Change": ${describeIssues(result.error)}; fix the EventBridge rule`;
  throw new SpotreelError('bad-event', 'internal', message);
}

/** A job whose end decides how its render ended. */
export interface EndedJob {
  readonly role: 'render' | 'stitch' | 'salvage';
  readonly failed: boolean;
  readonly render: Render;
  readonly change: JobStateChange;
}

/**
 * The job that ended a render. `undefined` for children, for jobs that Spotreel did not submit or that have not ended, for
 * successful render jobs (a stitch job follows), and for renders outside `output`. The folder is the worker's `-o`.
 */
export function endedJobOf(change: JobStateChange, output: URL, storage: Storage): EndedJob | undefined {
  const { jobName, status, arrayProperties, container } = change;
  if (arrayProperties?.index !== undefined) return undefined;
  const role = roleOf(jobName);
  if (!role || (status !== 'SUCCEEDED' && status !== 'FAILED')) return undefined;
  const failed = status === 'FAILED';
  if (role === 'render' && !failed) return undefined;
  const folder = folderOf(container?.command ?? []);
  if (!folder?.href.startsWith(folderUrl(output).href) || folder.href === folderUrl(output).href)
    return undefined;
  return { role, failed, render: Render.in(folder, storage), change };
}

function roleOf(jobName: string): EndedJob['role'] | undefined {
  if (jobName.endsWith(renderJobName(''))) return 'render';
  if (jobName.endsWith(salvageJobName(''))) return 'salvage';
  return jobName.endsWith(stitchJobName('')) ? 'stitch' : undefined;
}

/** Whether an attempt exceeded its time limit; https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html */
export const isTimeout = (statusReason: string): boolean => /timeout/i.test(statusReason);

/**
 * Why a render job was stopped at its cap; `undefined` if it ended for another reason. The status reason of a job is the
 * reason given to TerminateJob. The documentation does not say this for the parent of an array job, so the record in the
 * cap counts too. https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJob.html
 */
export async function capReached({ role, failed, render, change }: EndedJob): Promise<string | undefined> {
  const { isTerminated, statusReason = '', jobId } = change;
  if (role !== 'render' || !failed) return undefined;
  if (statusReason.startsWith(MAX_COST_REASON)) return statusReason;
  const cap = isTerminated ? await render.cap.readIfValid() : undefined;
  return cap?.stopped?.jobId === jobId ? capReason(cap.maxUsd, cap.stopped.usd) : undefined;
}

/**
 * Whether the queue cancelled the job because no machine could run it (see `lib/constructs/job-queues.ts`). By the
 * documentation, the status reason of such a job begins with one of these words.
 * https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable_time_limit_actions.html
 */
const isUnrunnable = (statusReason: string): boolean => /^(?:MISCONFIGURATION|CAPACITY)\b/.test(statusReason);

/**
 * Whether a person cancelled or terminated the job, and so wants no video of it. Two flags show this
 * (https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html); the status reason is then any text. A job that
 * AWS Batch stopped at its time limit, or that its queue cancelled, does not count.
 */
export function wasStopped({ isCancelled, isTerminated, statusReason = '' }: JobStateChange): boolean {
  if (isUnrunnable(statusReason)) return false;
  return isCancelled === true || (isTerminated === true && !isTimeout(statusReason));
}

/** Whether the job makes a video even if frames are missing. */
export function fillsGaps({ role, change }: EndedJob): boolean {
  return (
    role === 'salvage' || (role === 'stitch' && change.container?.command?.includes('--partial') === true)
  );
}

function folderOf(command: readonly string[]): URL | undefined {
  try {
    return folderUrl(parseLocation(parseWorkerArgv(command).output, '/'));
  } catch (error) {
    if (error instanceof SpotreelError) return undefined;
    throw error;
  }
}
