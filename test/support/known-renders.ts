import type { JobDetail, JobStatus } from '../../core/jobs/batch';
import type { EndStatus, Gaps } from '../../core/render/records';
import { Render } from '../../core/render/render';
import type { KnownRender } from '../../core/status/judge';
import { MemoryStorage } from './memory-storage';

export const NOW = Date.UTC(2026, 0, 2);
export const at = (secondsAgo: number) => NOW - secondsAgo * 1000;
export const iso = (secondsAgo: number) => new Date(at(secondsAgo)).toISOString();
const FOLDER = new URL('s3://films/renders/shot/');
const RENDER = Render.in(FOLDER, new MemoryStorage());
const JOBS = {
  render: { jobId: 'r', jobName: 'shot_Rendering' },
  stitch: { jobId: 's', jobName: 'shot_Stitching' },
};
export const GAPS = {
  version: 1,
  at: iso(10),
  frameCount: 8,
  marked: false,
  gaps: [{ frame: 3, reason: 'x', shown: 2 }],
} satisfies Gaps;
export const VIDEO = new URL('output.mp4', FOLDER);
export const PARTIAL = new URL('output.partial.mp4', FOLDER);

export const job = (jobId: string, status: JobStatus, more: Partial<JobDetail> = {}): JobDetail => ({
  jobId,
  jobName: jobId,
  jobQueue: 'queue',
  jobDefinition: 'definition',
  status,
  createdAt: at(1000),
  ...more,
});
export const array = (counts: Partial<Record<JobStatus, number>>, status: JobStatus = 'PENDING', more = {}) =>
  job('r', status, { arrayProperties: { size: 8, statusSummary: counts }, ...more });
export const ended = (state: EndStatus['state'], more: Partial<EndStatus> = {}): EndStatus => ({
  version: 1,
  renderId: 'shot',
  state,
  at: iso(500),
  jobs: { render: 'r', stitch: 's' },
  findings: [],
  links: { folder: 's3://films/renders/shot/' },
  ...more,
});

export interface Known {
  readonly records?: Partial<KnownRender['records']>;
  readonly results?: Partial<KnownRender['results']>;
  readonly seen?: Partial<KnownRender['seen']>;
  readonly figures?: KnownRender['figures'];
}

export function known({ records, results, seen, figures }: Known): KnownRender {
  const plan = {
    createdAt: iso(2000),
    frames: [{ start: 1, end: 8, step: 1 }],
    frameCount: 8,
    sliceCount: 8,
    video: 'h264' as const,
    onGpu: false,
  };
  return {
    records: { render: RENDER, plan, jobs: JOBS, jobsNotedAt: at(1000), ...records },
    results: { stored: 4, failed: 0, failures: [], ...results },
    seen: { place: 'farm', ...seen },
    figures,
  };
}
