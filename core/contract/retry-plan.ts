import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { rangesSchema } from './manifest';
import { parseJson } from './parse-json';

/**
 * `retries/<number>.json`: what a retry does, written once, before any of its jobs is submitted. `jobs.json` names the retry whose
 * jobs it holds. A plan that it never named came to nothing.
 */
export const retryPlanSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    /** From 1 on. */
    number: z.int().check(z.gte(1)),
    createdAt: z.iso.datetime(),
    /** `asked`: somebody asked for it. `reclaimed`: Spot machines were taken away too often. */
    why: z.enum(['asked', 'reclaimed']),
    /** The pair of jobs that was the newest when it was planned; absent where none was noted. */
    after: z.optional(z.object({ render: z.string(), stitch: z.string() })),
    /**
     * Array indexes of the render's first array job, after which `slices/` is named, too. Child i of the retry takes the i-th of
     * them. Empty where every frame is there and only the video is made.
     */
    slices: rangesSchema,
    /** What is rendered of those slices, unless it is there by then. */
    frames: rangesSchema,
    /** Whether frames will be missing all the same, so that the video is made with gaps. */
    partial: z.optional(z.literal(true)),
    /** In place of what the render was asked for. */
    samples: z.optional(z.int().check(z.gte(1))),
    /** Of each slice, in place of what the job definition asks for. */
    memoryMib: z.optional(z.int().check(z.gte(1))),
    vcpus: z.optional(z.int().check(z.gte(1))),
    /** Name or ARN of where the frames are rendered. */
    jobQueue: z.string().check(z.minLength(1)),
    /** Whether that is a queue of On-Demand machines. */
    onDemand: z.optional(z.literal(true)),
  }),
);

export type RetryPlan = z.infer<typeof retryPlanSchema>;

/** Reads a `retries/<number>.json`. Throws `bad-retry` naming `where` and the field at fault. */
export function parseRetryPlan(bytes: Uint8Array, where: string): RetryPlan {
  return parseJson(retryPlanSchema, bytes, (reason) => {
    const message = `${where} is no retry of this version of Spotreel (${reason}); retry again`;
    return new SpotreelError('bad-retry', 'scene', message);
  });
}
