import * as z from 'zod/mini';
import { filePath, formatLocation, type Storage } from '../storage/storage';
import { Document, type DocumentKind } from './document';
import { CAPS_PREFIX, CLAIM_NAME, type FileOutput, frameName, type MasterEnding, outputUrl } from './keys';
import { type Manifest, manifestSchema } from './manifest';
import {
  type CostCap,
  costCapSchema,
  failureSchema,
  type FrameFailure,
  type Gaps,
  gapsSchema,
  jobsSchema,
  type MissingFiles,
  missingFilesSchema,
  type RenderJobs,
  type RenderStatus,
  type RetryPlan,
  retryPlanSchema,
  type Salvage,
  salvageSchema,
  type SliceReport,
  sliceReportSchema,
  statusSchema,
  type StitchRecord,
  stitchRecordSchema,
} from './records';
import { DEFAULT_VIDEO, VIDEO_FILES, type VideoFormat } from './video';

/** `submitting.json`: the process that submits a render's jobs. */
const submitClaimSchema = z.lazy(() =>
  z.object({
    /** Unique to one attempt. */
    owner: z.string(),
    claimedAt: z.iso.datetime(),
    /** When another process may take it over. */
    staleAt: z.iso.datetime(),
  }),
);

export type SubmitClaim = z.infer<typeof submitClaimSchema>;

export const MANIFEST: DocumentKind<Manifest> = {
  name: 'manifest',
  schema: manifestSchema,
  fault: 'scene',
  remedy:
    'on one machine "spotreel render" of the same scene plans it again and keeps the frames, in a bucket restore the file or delete it and upload the scene again',
  newerCode: 'newer-manifest',
  isDurable: true,
};

const JOBS: DocumentKind<RenderJobs> = {
  name: 'jobs',
  schema: jobsSchema,
  isDurable: true,
  isChecked: true,
};

const CLAIM: DocumentKind<SubmitClaim> = {
  name: 'claim',
  schema: submitClaimSchema,
  isCompact: true,
};

export const STATUS: DocumentKind<RenderStatus> = {
  name: 'status',
  schema: statusSchema,
  isDurable: true,
  isChecked: true,
};

const CAP: DocumentKind<CostCap> = { name: 'cap', schema: costCapSchema, isChecked: true };

const SALVAGE: DocumentKind<Salvage> = { name: 'salvage', schema: salvageSchema, isCompact: true };

export const GAPS: DocumentKind<Gaps> = { name: 'gaps', schema: gapsSchema, isDurable: true };

const MISSING_FILES: DocumentKind<MissingFiles> = {
  name: 'missing-files',
  schema: missingFilesSchema,
  isCompact: true,
};

export const RETRY: DocumentKind<RetryPlan> = {
  name: 'retry',
  schema: retryPlanSchema,
  fault: 'scene',
  remedy: 'retry again',
  isDurable: true,
};

export const SLICE: DocumentKind<SliceReport> = {
  name: 'slice-report',
  schema: sliceReportSchema,
  isCompact: true,
};

export const FAILURE: DocumentKind<FrameFailure> = {
  name: 'failure',
  schema: failureSchema,
  isCompact: true,
};

const STITCH_RECORD: DocumentKind<StitchRecord> = {
  name: 'stitch-record',
  schema: stitchRecordSchema,
  isCompact: true,
};

/** Spotreel never reads it: `spotreel receipt` makes a new one. */
const RECEIPT: DocumentKind<object> = {
  name: 'receipt',
  schema: z.looseObject({}),
  isCompact: true,
};

/** The places of a render's files: the part of `Render` that needs no request. Only `Render` extends it. */
export class RenderFolder {
  protected constructor(
    /** Ends with a slash. */
    readonly folder: URL,
    readonly storage: Storage,
  ) {}

  /** The last part of the folder; empty for a bucket's root. */
  get renderId(): string {
    return decodeURIComponent(this.folder.pathname.split('/').at(-2) ?? '');
  }

  /** The folder, for people and for the worker's command line. */
  get location(): string {
    return formatLocation(this.folder);
  }

  /** The folder of all renders. */
  get output(): URL {
    return new URL('../', this.folder);
  }

  // Documents

  /** The plan, written once, before any job is submitted. */
  get manifest(): Document<Manifest> {
    return this.document('manifest.json', MANIFEST);
  }

  /** The newest pair of jobs. */
  get jobs(): Document<RenderJobs> {
    return this.document('jobs.json', JOBS);
  }

  /** Exists while a process submits jobs; see `core/jobs/ensure-jobs.ts`. */
  get claim(): Document<SubmitClaim> {
    return this.document(CLAIM_NAME, CLAIM);
  }

  /** How the render ended. */
  get status(): Document<RenderStatus> {
    return this.document('status.json', STATUS);
  }

  /** The cost cap. It is outside the folder of all renders. */
  get cap(): Document<CostCap> {
    const name = this.folder.pathname.split('/').at(-2);
    return this.document(`../../${CAPS_PREFIX}${name}.json`, CAP);
  }

  /** The process that submits the salvage job, and that job. */
  get salvage(): Document<Salvage> {
    return this.document('salvage.json', SALVAGE);
  }

  /** The frames and the sound that the partial video lacks. */
  get gaps(): Document<Gaps> {
    return this.document('gaps.json', GAPS);
  }

  /** Files that frames were rendered without. */
  get missingFiles(): Document<MissingFiles> {
    return this.document('missing-files.json', MISSING_FILES);
  }

  /** Attempts of the jobs that made the video. */
  get stitchRecord(): Document<StitchRecord> {
    return this.document('stitch.json', STITCH_RECORD);
  }

  /** Time and cost of the render. */
  get receipt(): Document<object> {
    return this.document('receipt.json', RECEIPT);
  }

  /** The plan of a retry; `number` from 1. */
  retry(number: number): Document<RetryPlan> {
    return this.document(`retries/${number}.json`, RETRY);
  }

  /** The report of the slice with this array index in the render's first array job. */
  slice(index: number): Document<SliceReport> {
    return this.document(`slices/${index}.json`, SLICE);
  }

  /** Why a frame failed. */
  failure(frame: number): Document<FrameFailure> {
    return this.document(`failures/${frame}.json`, FAILURE);
  }

  // Other files

  frameUrl(frame: number): URL {
    return this.url(`frames/${frameName(frame)}`);
  }

  /** A frame in the scene's own format, kept beside the PNG. */
  masterUrl(frame: number, ending: MasterEnding): URL {
    return this.url(`masters/${frameName(frame, ending)}`);
  }

  /** A file of a File Output node. */
  outputUrl(output: FileOutput): URL {
    return outputUrl(this.folder, output);
  }

  /** The whole video. `none` has no file; its URL is that of H.264. */
  videoUrl(video?: VideoFormat): URL {
    return this.url(`output.${endingOf(video)}`);
  }

  /** The video of a render that lacks frames or sound. */
  partialVideoUrl(video?: VideoFormat): URL {
    return this.url(`output.partial.${endingOf(video)}`);
  }

  /** The frame in the middle. */
  get posterUrl(): URL {
    return this.url('poster.jpg');
  }

  /** Frames evenly spaced over the shot, with their numbers. */
  get contactSheetUrl(): URL {
    return this.url('contact-sheet.jpg');
  }

  /** The video, small. */
  get previewUrl(): URL {
    return this.url('preview.mp4');
  }

  get reportUrl(): URL {
    return this.url('report.html');
  }

  /** A small picture of a frame that was rendered for an estimate. */
  thumbnailUrl(frame: number): URL {
    return this.url(`thumbnails/${frameName(frame, 'jpg')}`);
  }

  /** Path of the local Batch; only for renders of this machine. */
  get localBatchFolder(): string {
    return filePath(this.url('.batch/'));
  }

  /** A file's name below the render's folder, such as `frames/0001.png`; not decoded. */
  nameOf(url: URL): string {
    return url.pathname.slice(this.folder.pathname.length);
  }

  protected document<T>(name: string, kind: DocumentKind<T>): Document<T> {
    return new Document(this.url(name), kind, this.storage);
  }

  protected url(name: string): URL {
    return new URL(`./${name}`, this.folder);
  }
}

function endingOf(video: VideoFormat = DEFAULT_VIDEO): string {
  return VIDEO_FILES[video === 'none' ? 'h264' : video].ending;
}
