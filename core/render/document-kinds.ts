import * as z from 'zod/mini';
import { type CostCap, costCapSchema } from './cap';
import type { DocumentKind } from './document';
import { type Manifest, manifestSchema } from './manifest';
import {
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

/** `submitting.json`: who submits a render's jobs. */
export const submitClaimSchema = z.lazy(() =>
  z.object({
    /** Unique to one attempt to submit them. */
    owner: z.string(),
    claimedAt: z.iso.datetime(),
    /** When another may take it over. */
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

export const JOBS: DocumentKind<RenderJobs> = {
  name: 'jobs',
  schema: jobsSchema,
  isDurable: true,
  isChecked: true,
};

export const CLAIM: DocumentKind<SubmitClaim> = {
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

export const CAP: DocumentKind<CostCap> = { name: 'cap', schema: costCapSchema, isChecked: true };

export const SALVAGE: DocumentKind<Salvage> = { name: 'salvage', schema: salvageSchema, isCompact: true };

export const GAPS: DocumentKind<Gaps> = { name: 'gaps', schema: gapsSchema, isDurable: true };

export const MISSING_FILES: DocumentKind<MissingFiles> = {
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

export const STITCH_RECORD: DocumentKind<StitchRecord> = {
  name: 'stitch-record',
  schema: stitchRecordSchema,
  isCompact: true,
};

/** Spotreel itself reads none: `spotreel receipt` makes a new one. */
export const RECEIPT: DocumentKind<object> = {
  name: 'receipt',
  schema: z.looseObject({}),
  isCompact: true,
};
