import { z } from 'zod';

const attemptSchema = z.object({
  /** AWS_BATCH_JOB_ATTEMPT, 1-based. An attempt that was cut off with its machine may stand here unended. */
  attempt: z.int().min(1),
  startedAt: z.iso.datetime(),
  stoppedAt: z.iso.datetime().optional(),
  exitCode: z.int().optional(),
  /** Why it ended, where it did not simply succeed. */
  reason: z.string().optional(),
  /** Whether its machine was an On-Demand one, as a retry can ask for; absent for Spot. */
  onDemand: z.literal(true).optional(),
  /** Frames that were whole in storage when the attempt began. */
  kept: z.int().min(0),
  frames: z.array(
    z.object({
      frame: z.int(),
      /** Blender's own work on it, its saving included. */
      seconds: z.number().min(0),
      /** When it was safely stored. */
      storedAt: z.iso.datetime(),
      bytes: z.int().min(1),
    }),
  ),
  failed: z.array(z.int()),
  /** The frame that was given up half done because the attempt was stopped, and Blender's work on it, which is lost. */
  dropped: z.object({ frame: z.int(), seconds: z.number().min(0) }).optional(),
  /** The worker's own, without Blender's. */
  peakMemoryBytes: z.int().min(0).optional(),
  /** Of the largest Blender that saved a frame. Linux only. */
  blenderPeakMemoryBytes: z.int().min(0).optional(),
});

/** `slices/<index>.json`: what one child did, attempt by attempt. */
export const sliceReportSchema = z.object({
  version: z.literal(1),
  slice: z.int().min(0),
  attempts: z.array(attemptSchema),
});

export type SliceAttempt = z.infer<typeof attemptSchema>;
export type SliceReport = z.infer<typeof sliceReportSchema>;
