import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { findingSchema } from './finding';
import { jobsRetrySchema } from './jobs';
import { parseJson } from './parse-json';

/**
 * `status.json`: how a render ended. There is none while it runs for the first time (AWS Batch knows more by then).
 *
 * - `refused`: it was never submitted; `findings` say what to change. Counts only where there is no `jobs.json`.
 * - `rescuing`: it has not ended: what Spot machines were taken away from too often goes on on On-Demand machines, as `jobs`.
 * - `failed`: it was submitted and there is no video.
 * - `partial`: frames are missing, and a video was made all the same, with others in their places.
 * - `complete`: the video is there, with every frame in it.
 */
export const statusSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    renderId: z.string().check(z.minLength(1)),
    state: z.enum(['refused', 'rescuing', 'failed', 'partial', 'complete']),
    /** When it was found to be so. */
    at: z.iso.datetime(),
    /** When the message about it was sent; absent until then. */
    notifiedAt: z.optional(z.iso.datetime()),
    /** The scene, where it is known. */
    source: z.optional(z.object({ url: z.string(), etag: z.string() })),
    /** The pair of jobs that ended so; absent when none was submitted. */
    jobs: z.optional(z.object({ render: z.string(), stitch: z.string() })),
    /** Where those jobs render only what was missing. */
    retry: z.optional(jobsRetrySchema),
    /** The job whose end this is. */
    endedJob: z.optional(z.string()),
    /** In one line, for people. */
    reason: z.optional(z.string()),
    /** Empty for `complete`. */
    findings: z.array(findingSchema),
    frames: z.optional(
      z.object({
        total: z.int().check(z.gte(0)),
        /** Frames that lie in storage. */
        stored: z.int().check(z.gte(0)),
        /** How many were given up. */
        failed: z.int().check(z.gte(0)),
        /** The first of those, ascending. */
        failedFrames: z.array(z.int()),
      }),
    ),
    links: z.object({
      /** `s3://bucket/renders/<renderId>/`. */
      folder: z.string(),
      /** The folder in the AWS console, where there is one. */
      console: z.optional(z.url()),
      /** Of the video, for `complete` and `partial`. */
      video: z.optional(z.string()),
    }),
  }),
);

export type { Finding } from './finding';
export type RenderStatus = z.infer<typeof statusSchema>;

/** One that tells of an end. */
export type EndStatus = RenderStatus & { readonly state: Exclude<RenderStatus['state'], 'rescuing'> };

/** Reads a `status.json`. Throws `bad-status` naming `where` and the field at fault. */
export function parseStatus(bytes: Uint8Array, where: string): RenderStatus {
  return parseJson(statusSchema, bytes, (reason) => {
    const message = `${where} is no status of this version of Spotreel (${reason}); delete it`;
    return new SpotreelError('bad-status', 'internal', message);
  });
}
