import * as z from 'zod/mini';
import { countOf, formatUsd } from '../text';
import { asciiName } from './keys';
import { findingSchema, rangesSchema } from './manifest';

/** `failures/<frame>.json`: a frame that was given up. */
export const failureSchema = z.object({
  version: z.literal(1),
  frame: z.int(),
  slice: z.int().check(z.gte(0)),
  /** How often it was tried in this attempt of the job. */
  tries: z.int().check(z.gte(1)),
  /** In Blender's own words where it has said anything. */
  reason: z.string(),
  /** Files that it lacks, the first of them; absent where it failed for another reason. */
  missing: z.optional(z.array(z.string())),
  failedAt: z.iso.datetime(),
});

export type FrameFailure = z.infer<typeof failureSchema>;

/** Of what a video lacks of its sound: what `mixSound` reports and a little more. */
const MOST_SOUND_REASONS = 20;

/** `gaps.json`: the frames and the sound that `output.partial.mp4` lacks. There is none beside a video that lacks nothing. */
export const gapsSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    /** When the video was made. */
    at: z.iso.datetime(),
    /** Of the video, gaps included. */
    frameCount: z.int().check(z.gte(1)),
    /** Whether the pictures that fill gaps say so. */
    marked: z.boolean(),
    /** In the order of the video. */
    gaps: z.array(
      z.object({
        frame: z.int(),
        /** In Blender's own words where it has said anything. */
        reason: z.string(),
        /** The frame whose picture stands in its place. */
        shown: z.int(),
      }),
    ),
    /** What the video lacks of the scene's sound and why, a sentence each; absent where it lacks none. */
    sound: z.optional(z.array(z.string()).check(z.maxLength(MOST_SOUND_REASONS))),
  }),
);

export type Gaps = z.infer<typeof gapsSchema>;

/** What the video lacks, in one line for people: pure. */
export function describeGaps({ gaps, frameCount, sound = [] }: Gaps): string {
  const are = gaps.length === 1 ? 'is' : 'are';
  const frames =
    gaps.length === 0 && sound.length > 0
      ? []
      : [
          `${gaps.length} of ${countOf(frameCount, 'frame')} ${are} missing in the video; gaps.json names them`,
        ];
  const more = sound.length > 1 ? ` (and ${countOf(sound.length - 1, 'more reason')}: gaps.json)` : '';
  return [...frames, ...sound.slice(0, 1).map((one) => `${one}${more}`)].join('; ');
}

const submittedJobSchema = z.lazy(() =>
  z.object({
    jobArn: z.optional(z.string()),
    jobId: z.string().check(z.minLength(1)),
    jobName: z.string().check(z.minLength(1)),
  }),
);

/** What a retry does: `frames` renders missing frames and then makes the video, `video` makes the video alone. */
const retryKindSchema = z.lazy(() => z.enum(['frames', 'video']));

/** Files of earlier versions name no kind: a retry without slices made the video alone. */
const kindOf = (hasSlices: boolean): RetryKind => (hasSlices ? 'frames' : 'video');

export type RetryKind = z.infer<typeof retryKindSchema>;

/** The short form of a retry's plan, for the pair of jobs that it submitted. */
const jobsRetrySchema = z.lazy(() =>
  z.pipe(
    z.object({
      kind: z.optional(retryKindSchema),
      /** Of its plan, `retries/<number>.json`. */
      number: z.int().check(z.gte(1)),
      why: z.enum(['asked', 'reclaimed']),
      /** How many children the render job has. 0 for `video`: `render` is then the job of the pair before. */
      slices: z.int().check(z.gte(0)),
      /** How many frames are rendered. */
      frames: z.int().check(z.gte(0)),
      /** Whether frames will be missing all the same. */
      partial: z.optional(z.literal(true)),
      /** Whether they are rendered on On-Demand machines. */
      onDemand: z.optional(z.literal(true)),
    }),
    z.transform((retry) => ({ ...retry, kind: retry.kind ?? kindOf(retry.slices > 0) })),
  ),
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

/** The id of the pair's own render job; `undefined` if the pair makes the video alone. */
export function ownRenderJob({ render, retry }: RenderJobs): string | undefined {
  return retry?.kind === 'video' ? undefined : render.jobId;
}

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

/**
 * `retries/<number>.json`: what a retry does, written once, before any of its jobs is submitted. `jobs.json` names the retry whose
 * jobs it holds. A plan that it never named came to nothing.
 */
export const retryPlanSchema = z.lazy(() =>
  z.pipe(
    z.object({
      version: z.literal(1),
      kind: z.optional(retryKindSchema),
      /** From 1 on. */
      number: z.int().check(z.gte(1)),
      createdAt: z.iso.datetime(),
      /** `asked`: somebody asked for it. `reclaimed`: Spot machines were taken away too often. */
      why: z.enum(['asked', 'reclaimed']),
      /** The pair of jobs that was the newest when it was planned; absent where none was noted. */
      after: z.optional(z.object({ render: z.string(), stitch: z.string() })),
      /**
       * Array indexes of the render's first array job, after which `slices/` is named, too. Child i of the retry takes the i-th of
       * them. Empty for `video`.
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
    z.transform((plan) => ({ ...plan, kind: plan.kind ?? kindOf(plan.slices.length > 0) })),
  ),
);

export type RetryPlan = z.infer<typeof retryPlanSchema>;

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

const stitchAttemptSchema = z.lazy(() =>
  z.object({
    startedAt: z.iso.datetime(),
    /** Absent while it runs, and of one that was cut off with its machine. */
    stoppedAt: z.optional(z.iso.datetime()),
    exitCode: z.optional(z.int()),
  }),
);

/** `stitch.json`: how long the jobs that made the video ran, attempt by attempt, salvage included. */
export const stitchRecordSchema = z.lazy(() =>
  z.object({ version: z.literal(1), attempts: z.array(stitchAttemptSchema) }),
);

export type StitchRecord = z.infer<typeof stitchRecordSchema>;

/** Files that are named at most; the rest is a number. */
export const MOST_MISSING_FILES = 50;

/** `missing-files.json`: what frames were rendered without, as `--force` allows. Absent where every frame had its files. */
export const missingFilesSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    /** Frames that lack at least one file. */
    frames: z.int().check(z.gte(1)),
    /** How many files those are. */
    count: z.int().check(z.gte(1)),
    /** The first of them, as the scene names them. */
    files: z.array(z.string()),
  }),
);

export type MissingFiles = z.infer<typeof missingFilesSchema>;

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

export type { Finding } from './manifest';
export type RenderStatus = z.infer<typeof statusSchema>;

/** One that tells of an end. */
export type EndStatus = RenderStatus & { readonly state: Exclude<RenderStatus['state'], 'rescuing'> };

const usd = () => z.number().check(z.gte(0));
const spread = () => z.object({ low: usd(), middle: usd(), high: usd() });

/**
 * `caps/<renderId>.json`, beside the folder of all renders and no part of any: what a render may cost. It is written before the
 * render's jobs are submitted, looked at while they run, and deleted once they have ended.
 */
export const costCapSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    renderId: z.string().check(z.minLength(1)),
    /** US dollars. */
    maxUsd: z.number().check(z.gt(0)),
    /** When it was asked for; of two the later one holds. */
    at: z.iso.datetime(),
    /** Prices of a slice's vCPU-hours that the account was told then; absent where none were. */
    prices: z.optional(
      z.object({
        spot: spread(),
        onDemand: spread(),
        source: z.enum(['account', 'table']),
        at: z.string(),
        region: z.string(),
      }),
    ),
    /** Once it has been reached: the render job that was stopped for it, and what was spent, in US dollars at most. */
    stopped: z.optional(z.object({ jobId: z.string(), usd: usd(), at: z.iso.datetime() })),
  }),
);

export type CostCap = z.infer<typeof costCapSchema>;

/** How the status reason of a render job begins that was stopped because its cap was reached. */
export const MAX_COST_REASON = 'stopped at its cap';

/** Why a render was stopped, in one line; it begins with `MAX_COST_REASON`. Pure. */
export function capReason(maxUsd: number, spentUsd: number): string {
  return `${MAX_COST_REASON} of ${formatUsd(maxUsd)} USD: at the highest prices ${formatUsd(spentUsd)} USD are spent`;
}
