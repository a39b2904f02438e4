import * as z from 'zod/mini';

const count = () => z.int().check(z.gte(0));
/** 30 years at most: sums of damaged numbers stay finite. */
const seconds = () => z.number().check(z.gte(0), z.lte(1e9));

const attemptSchema = z.lazy(() =>
  z.object({
    /** AWS_BATCH_JOB_ATTEMPT, 1-based. An attempt that was cut off with its machine may stand here unended. */
    attempt: z.int().check(z.gte(1)),
    startedAt: z.iso.datetime(),
    stoppedAt: z.optional(z.iso.datetime()),
    exitCode: z.optional(z.int()),
    /** Why it ended, where it did not simply succeed. */
    reason: z.optional(z.string()),
    /** Whether its machine was an On-Demand one, as a retry can ask for; absent for Spot. */
    onDemand: z.optional(z.literal(true)),
    /** Those that its job asked for, where a retry asked for others than the farm's slices do. */
    vcpus: z.optional(z.int().check(z.gte(1))),
    /** Frames that were whole in storage when the attempt began. */
    kept: count(),
    frames: z.array(
      z.object({
        frame: z.int(),
        /** Blender's own work on it, its saving included. */
        seconds: seconds(),
        /** When it was safely stored. */
        storedAt: z.iso.datetime(),
        bytes: z.int().check(z.gte(1)),
        /** Whether it was rendered without files that it needs; absent where it had all. */
        lacks: z.optional(z.literal(true)),
      }),
    ),
    failed: z.array(z.int()),
    /** Files that such frames lack, as the scene names them; 50 at most. */
    missingFiles: z.optional(z.array(z.string())),
    /** How many there are, where that is more. */
    missingFileCount: z.optional(count()),
    /** The frame that was given up half done because the attempt was stopped, and Blender's work on it, which is lost. */
    dropped: z.optional(z.object({ frame: z.int(), seconds: seconds() })),
    /** The worker's own, without Blender's. */
    peakMemoryBytes: z.optional(count()),
    /** Of the largest Blender that saved a frame. Linux only. */
    blenderPeakMemoryBytes: z.optional(count()),
  }),
);

/** `slices/<index>.json`: what one child did, attempt by attempt. */
export const sliceReportSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    slice: count(),
    attempts: z.array(attemptSchema),
  }),
);

export type SliceAttempt = z.infer<typeof attemptSchema>;
export type SliceReport = z.infer<typeof sliceReportSchema>;
