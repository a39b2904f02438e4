import * as z from 'zod/mini';
import { countOf, formatUsd } from '../text';
import { asciiName } from './keys';
import { findingSchema, rangesSchema } from './manifest';

/** `failures/<frame>.json`: a failed frame. */
export const failureSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    frame: z.int(),
    slice: z.int().check(z.gte(0)),
    /** Number of tries in this attempt of the job. */
    tries: z.int().check(z.gte(1)),
    /** In Blender's own words where it has said anything. */
    reason: z.string(),
    /** Files that it lacks, the first of them; absent where it failed for another reason. */
    missing: z.optional(z.array(z.string())),
    failedAt: z.iso.datetime(),
  }),
);

export type FrameFailure = z.infer<typeof failureSchema>;

/** Most reasons why a video lacks sound: those of `mixSound`, and some more. */
const MOST_SOUND_REASONS = 20;

/** `gaps.json`: the frames and the sound that `output.partial.mp4` lacks. Absent beside a whole video. */
export const gapsSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    /** When the video was made. */
    at: z.iso.datetime(),
    /** Frames of the video, including gaps. */
    frameCount: z.int().check(z.gte(1)),
    /** Whether pictures that fill gaps are labelled. */
    marked: z.boolean(),
    /** In the order of the video. */
    gaps: z.array(
      z.object({
        frame: z.int(),
        /** In Blender's own words where it has said anything. */
        reason: z.string(),
        /** The frame that the video shows instead. */
        shown: z.int(),
      }),
    ),
    /** Why the video lacks sound, a sentence each; absent if it lacks none. */
    sound: z.optional(z.array(z.string()).check(z.maxLength(MOST_SOUND_REASONS))),
  }),
);

export type Gaps = z.infer<typeof gapsSchema>;

/** What the video lacks, in one line for people. Pure. */
export function describeGaps({ gaps, frameCount, sound = [] }: Gaps): string {
  const are = gaps.length === 1 ? 'is' : 'are';
  const words = `${gaps.length} of ${countOf(frameCount, 'frame')} ${are} missing in the video; gaps.json names them`;
  const frames = gaps.length === 0 && sound.length > 0 ? [] : [words];
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

/** Kind of a retry: `frames` renders missing frames and makes the video, `video` only makes the video. */
const retryKindSchema = z.lazy(() => z.enum(['frames', 'video']));

/** Files of earlier versions have no kind: a retry without slices only made the video. */
const kindOf = (hasSlices: boolean): RetryKind => (hasSlices ? 'frames' : 'video');

export type RetryKind = z.infer<typeof retryKindSchema>;

/** The short form of a retry's plan, noted with its pair of jobs. */
const jobsRetrySchema = z.lazy(() =>
  z.pipe(
    z.object({
      kind: z.optional(retryKindSchema),
      /** The number of its plan, `retries/<number>.json`. */
      number: z.int().check(z.gte(1)),
      why: z.enum(['asked', 'reclaimed', 'memory']),
      /** Number of children of the render job. 0 for `video`: `render` is then the job of the pair before. */
      slices: z.int().check(z.gte(0)),
      /** Number of frames to render. */
      frames: z.int().check(z.gte(0)),
      /** Present if other frames stay missing. */
      partial: z.optional(z.literal(true)),
      /** Present for On-Demand machines. */
      onDemand: z.optional(z.literal(true)),
      /** Memory of each slice in MiB, if it is not the job definition's. */
      memoryMib: z.optional(z.int().check(z.gte(1))),
    }),
    z.transform((retry) => ({ ...retry, kind: retry.kind ?? kindOf(retry.slices > 0) })),
  ),
);

export type JobsRetry = z.infer<typeof jobsRetrySchema>;

/** `jobs.json`: the newest pair of jobs of a render, from the answers of SubmitJob. */
export const jobsSchema = z.lazy(() =>
  z.object({
    render: submittedJobSchema,
    stitch: submittedJobSchema,
    /** Absent for the first pair, which renders all frames. */
    retry: z.optional(jobsRetrySchema),
  }),
);

export type RenderJobs = z.infer<typeof jobsSchema>;

/** The id of the pair's own render job; `undefined` for a retry of the video alone. */
export function ownRenderJob({ render, retry }: RenderJobs): string | undefined {
  return retry?.kind === 'video' ? undefined : render.jobId;
}

/** Name of a render job; a retry's jobs have their own. AWS Batch accepts only ASCII, so `asciiName` spells the id. */
export const renderJobName = (renderId: string, retry?: number): string =>
  `${asciiName(renderId)}${retryPart(retry)}_Rendering`;
export const stitchJobName = (renderId: string, retry?: number): string =>
  `${asciiName(renderId)}${retryPart(retry)}_Stitching`;

function retryPart(retry: number | undefined): string {
  return retry === undefined ? '' : `_Retry${retry}`;
}

/** Name of the job that makes a video of the stored frames after the render job failed. */
export const salvageJobName = (renderId: string): string => `${asciiName(renderId)}_Salvaging`;

/**
 * `retries/<number>.json`: the plan of a retry, written once before its jobs are submitted. `jobs.json` names the
 * retry of its jobs; a plan that it never named had no effect.
 */
export const retryPlanSchema = z.lazy(() =>
  z.pipe(
    z.object({
      version: z.literal(1),
      kind: z.optional(retryKindSchema),
      /** From 1. */
      number: z.int().check(z.gte(1)),
      createdAt: z.iso.datetime(),
      /** `asked` by a user; `reclaimed`: Spot machines too often; `memory`: slices ran out of it. */
      why: z.enum(['asked', 'reclaimed', 'memory']),
      /** The newest pair of jobs at the time of the plan; absent if none was noted. */
      after: z.optional(z.object({ render: z.string(), stitch: z.string() })),
      /**
       * Array indexes in the render's first array job, as in `slices/`. Child i of the retry takes the i-th of them.
       * Empty for `video`.
       */
      slices: rangesSchema,
      /** Frames to render in those slices, unless they are stored by then. */
      frames: rangesSchema,
      /** Present if other frames stay missing, so that the video has gaps. */
      partial: z.optional(z.literal(true)),
      /** Replaces the samples of the render's options. */
      samples: z.optional(z.int().check(z.gte(1))),
      /** Memory and vCPUs of each slice, instead of the job definition's. */
      memoryMib: z.optional(z.int().check(z.gte(1))),
      vcpus: z.optional(z.int().check(z.gte(1))),
      /** Name or ARN of the queue that renders the frames. */
      jobQueue: z.string().check(z.minLength(1)),
      /** Present for a queue of On-Demand machines. */
      onDemand: z.optional(z.literal(true)),
    }),
    z.transform((plan) => ({ ...plan, kind: plan.kind ?? kindOf(plan.slices.length > 0) })),
  ),
);

export type RetryPlan = z.infer<typeof retryPlanSchema>;

/** `salvage.json`: the process that submits the salvage job for a render job, and then that salvage job. */
export const salvageSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    /** The id of the failed render job. */
    renderJob: z.string(),
    owner: z.string(),
    /** When `owner` counts as dead if it has noted no job. */
    staleAt: z.iso.datetime(),
    jobId: z.optional(z.string()),
    /** Why the render job was stopped on purpose although a video was wanted. */
    because: z.optional(z.string()),
  }),
);

export type Salvage = z.infer<typeof salvageSchema>;

/** Seconds after the failure of a render job in which a salvage job may be submitted. */
export const SALVAGE_SECONDS = 120;

const count = () => z.int().check(z.gte(0));
/** At most about 30 years, so that sums of damaged numbers stay finite. */
const seconds = () => z.number().check(z.gte(0), z.lte(1e9));

const attemptSchema = z.lazy(() =>
  z.object({
    /** AWS_BATCH_JOB_ATTEMPT, from 1. An attempt that lost its machine may have no end. */
    attempt: z.int().check(z.gte(1)),
    startedAt: z.iso.datetime(),
    stoppedAt: z.optional(z.iso.datetime()),
    exitCode: z.optional(z.int()),
    /** Why it ended, unless it succeeded. */
    reason: z.optional(z.string()),
    /** Present for an On-Demand machine, as a retry can ask for. */
    onDemand: z.optional(z.literal(true)),
    /** Its vCPUs, if a retry asked for others than the farm's slices have. */
    vcpus: z.optional(z.int().check(z.gte(1))),
    /** The samples that a retry asked for instead of the render's. */
    samples: z.optional(z.int().check(z.gte(1))),
    /** Its memory in MiB, if a retry had other memory than the farm's slices have. */
    memoryMib: z.optional(z.int().check(z.gte(1))),
    /** Frames that were stored when the attempt started. */
    kept: count(),
    /** Seconds until Blender could begin a frame, over all its starts. The first includes fetching the scene. */
    startSeconds: z.optional(seconds()),
    /** Seconds in which the machine pulled the image before the attempt, as ECS reports it; absent elsewhere. */
    pullSeconds: z.optional(seconds()),
    frames: z.array(
      z.object({
        frame: z.int(),
        /** Blender's seconds for it, including saving. */
        seconds: seconds(),
        /** When it was stored. */
        storedAt: z.iso.datetime(),
        bytes: z.int().check(z.gte(1)),
        /** Present if it lacks files that it needs. */
        lacks: z.optional(z.literal(true)),
      }),
    ),
    failed: z.array(z.int()),
    /** Files that such frames lack, by their names in the scene; at most 50. */
    missingFiles: z.optional(z.array(z.string())),
    /** Number of those files, if it is more than 50. */
    missingFileCount: z.optional(count()),
    /** The unfinished frame of a stopped attempt, and Blender's lost seconds for it. */
    dropped: z.optional(z.object({ frame: z.int(), seconds: seconds() })),
    /** What became of the data that Cycles keeps between frames (`persistent_data.py`). */
    persistentData: z.optional(
      z.object({
        /** Why none are kept, since which frame, and the largest difference of a sample (1 is white). */
        reason: z.optional(z.string()),
        frame: z.optional(z.int()),
        difference: z.optional(z.number()),
        /** Blender's seconds, less those of the check. */
        savedSeconds: z.number(),
      }),
    ),
    /** The worker's own memory, without Blender's. */
    peakMemoryBytes: z.optional(count()),
    /** Memory of the largest Blender that saved a frame. Linux only. */
    blenderPeakMemoryBytes: z.optional(count()),
  }),
);

/** `slices/<index>.json`: the attempts of one child. */
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
    /** Absent while it runs, and for an attempt that lost its machine. */
    stoppedAt: z.optional(z.iso.datetime()),
    exitCode: z.optional(z.int()),
  }),
);

/** `stitch.json`: how long the jobs that made the video ran, attempt by attempt, salvage included. */
export const stitchRecordSchema = z.lazy(() =>
  z.object({ version: z.literal(1), attempts: z.array(stitchAttemptSchema) }),
);

export type StitchRecord = z.infer<typeof stitchRecordSchema>;

/** Most files by name; the rest is a number. */
export const MOST_MISSING_FILES = 50;

/** `missing-files.json`: files that frames lack, as `--force` allows. Absent if every frame had its files. */
export const missingFilesSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    /** Frames that lack at least one file. */
    frames: z.int().check(z.gte(1)),
    /** Number of those files. */
    count: z.int().check(z.gte(1)),
    /** The first files, by their names in the scene. */
    files: z.array(z.string()),
  }),
);

export type MissingFiles = z.infer<typeof missingFilesSchema>;

/**
 * `status.json`: how a render ended. Absent during its first run (AWS Batch has the state by then).
 * - `refused`: it was never submitted; `findings` list what to change. Ignored if `jobs.json` exists.
 * - `rescuing`: it has not ended: `jobs` render the rest on On-Demand machines, or with more memory (see `retry`).
 * - `failed`: it was submitted and has no video.
 * - `partial`: frames are missing, and the video shows other frames instead.
 * - `complete`: the video has every frame.
 */
export const statusSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    renderId: z.string().check(z.minLength(1)),
    state: z.enum(['refused', 'rescuing', 'failed', 'partial', 'complete']),
    /** When this was found. */
    at: z.iso.datetime(),
    /** When the message about it was sent; absent until then. */
    notifiedAt: z.optional(z.iso.datetime()),
    /** The scene, if known. */
    source: z.optional(z.object({ url: z.string(), etag: z.string() })),
    /** The pair of jobs that ended so; absent if none was submitted. */
    jobs: z.optional(z.object({ render: z.string(), stitch: z.string() })),
    /** Present if those jobs belong to a retry. */
    retry: z.optional(jobsRetrySchema),
    /** The job that ended. */
    endedJob: z.optional(z.string()),
    /** In one line, for people. */
    reason: z.optional(z.string()),
    /** Empty for `complete`. */
    findings: z.array(findingSchema),
    frames: z.optional(
      z.object({
        total: z.int().check(z.gte(0)),
        /** Number of frames in storage. */
        stored: z.int().check(z.gte(0)),
        /** Number of failed frames. */
        failed: z.int().check(z.gte(0)),
        /** The first failed frames, ascending. */
        failedFrames: z.array(z.int()),
      }),
    ),
    links: z.object({
      /** `s3://bucket/renders/<renderId>/`. */
      folder: z.string(),
      /** The folder in the AWS console; absent outside AWS. */
      console: z.optional(z.url()),
      /** The video, for `complete` and `partial`. */
      video: z.optional(z.string()),
    }),
  }),
);

export type { Finding } from './manifest';
export type RenderStatus = z.infer<typeof statusSchema>;

/** A status of a render that has ended. */
export type EndStatus = RenderStatus & { readonly state: Exclude<RenderStatus['state'], 'rescuing'> };

const usd = () => z.number().check(z.gte(0));
const spread = () => z.object({ low: usd(), middle: usd(), high: usd() });

/**
 * `caps/<renderId>.json`, outside the folder of all renders: a render's cost cap. It is written before the render's
 * jobs are submitted, checked while they run, and deleted after their end.
 */
export const costCapSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    renderId: z.string().check(z.minLength(1)),
    /** US dollars. */
    maxUsd: z.number().check(z.gt(0)),
    /** When the user asked for it; the later of two caps counts. */
    at: z.iso.datetime(),
    /** Prices of a slice's vCPU-hours from the account at that time; absent if it gave none. */
    prices: z.optional(
      z.object({
        spot: spread(),
        onDemand: spread(),
        source: z.enum(['account', 'table']),
        at: z.string(),
        region: z.string(),
      }),
    ),
    /** Present once the cap is reached: the render job that was stopped, and the most that was spent, in US dollars. */
    stopped: z.optional(z.object({ jobId: z.string(), usd: usd(), at: z.iso.datetime() })),
  }),
);

export type CostCap = z.infer<typeof costCapSchema>;

/** Start of the status reason of a render job that was stopped at its cap. */
export const MAX_COST_REASON = 'stopped at its cap';

/** Why a render was stopped, in one line; it begins with `MAX_COST_REASON`. Pure. */
export function capReason(maxUsd: number, spentUsd: number): string {
  return `${MAX_COST_REASON} of ${formatUsd(maxUsd)} USD: at the highest prices ${formatUsd(spentUsd)} USD are spent`;
}
