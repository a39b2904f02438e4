import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, messageOf, SpotreelError } from '../errors';
import {
  type BatchView,
  isEnded,
  type JobDetail,
  type JobSummary,
  type ListJobsRequest,
  type SomeChildren,
} from '../jobs/batch';
import { describeIssues } from '../json';
import { openRegularFile, readRegularFile } from '../storage/file-storage';
import { fileError, isSyncUnsupported } from '../storage/file-writes';
import {
  applyEvent,
  childOf,
  createJobState,
  jobEventSchema,
  type JobState,
  jobStatus,
  jobStatusReason,
  submittedSchema,
} from './job-state';

/** The log file of an attempt (1-based), relative to the state directory. A plain job has the index 0. */
export function logStreamName(jobId: string, index: number, attempt: number): string {
  return `logs/${jobId}/${index}-${attempt}.log`;
}

export function childJobId(job: JobState, index: number): string {
  return job.arraySize === undefined ? job.jobId : `${job.jobId}:${index}`;
}

/** A plain job, or the parent of an array. */
export function describeJob(job: JobState): JobDetail {
  if (job.arraySize === undefined) return describeChild(job, 0);
  const status = jobStatus(job);
  return {
    ...describeRequest(job),
    jobId: job.jobId,
    status,
    statusReason: jobStatusReason(job),
    startedAt: job.startedAt,
    stoppedAt: isEnded(status) ? job.stoppedAt : undefined,
    arrayProperties: { size: job.arraySize, statusSummary: { ...job.statusSummary } },
  };
}

export function describeChild(job: JobState, index: number): JobDetail {
  const { status, statusReason, startedAt, stoppedAt, attempts } = childOf(job, index);
  // `attempts` does not contain a running or lost attempt.
  const isOpen = startedAt !== undefined && attempts.at(-1)?.startedAt !== startedAt;
  const begun = attempts.length + (isOpen ? 1 : 0);
  return {
    ...describeRequest(job),
    jobId: childJobId(job, index),
    status,
    statusReason,
    startedAt,
    stoppedAt,
    attempts: attempts.map((attempt, i) => ({
      ...attempt,
      container: { ...attempt.container, logStreamName: logStreamName(job.jobId, index, i + 1) },
    })),
    ...(begun === 0 ? {} : { container: { logStreamName: logStreamName(job.jobId, index, begun) } }),
    ...(job.arraySize === undefined ? {} : { arrayProperties: { index } }),
  };
}

export function summarizeJob(job: JobState): JobSummary {
  const { jobName } = job.request;
  return { jobId: job.jobId, jobName, status: jobStatus(job), createdAt: job.createdAt };
}

function summarizeChildren(job: JobState): JobSummary[] {
  const { createdAt, request } = job;
  return job.children.map(({ status }, index) => ({
    jobId: childJobId(job, index),
    jobName: request.jobName,
    status,
    createdAt,
  }));
}

function describeRequest({ request, createdAt }: JobState) {
  const { jobName, jobQueue, jobDefinition, dependsOn } = request;
  return { jobName, jobQueue, jobDefinition, createdAt, dependsOn };
}

/** By id. */
type JobStates = ReadonlyMap<string, JobState>;

/** A parent or plain job, or with `index` a child. */
export interface FoundJob {
  readonly job: JobState;
  readonly index?: number;
}

/** Finds the job of `<jobId>` or the child of `<jobId>:<index>`. */
export function findJob(id: string, jobs: JobStates): FoundJob | undefined {
  const [jobId = '', index, ...rest] = id.split(':');
  const job = jobs.get(jobId);
  if (job === undefined || rest.length > 0) return undefined;
  if (index === undefined) return { job };
  const isChild = job.arraySize !== undefined && /^\d{1,5}$/.test(index) && Number(index) < job.arraySize;
  return isChild ? { job, index: Number(index) } : undefined;
}

/** In the order of the ids, without unknown ones. */
export function describeJobs(ids: readonly string[], jobs: JobStates): JobDetail[] {
  return ids.flatMap((id) => {
    const found = findJob(id, jobs);
    if (found === undefined) return [];
    return found.index === undefined ? describeJob(found.job) : describeChild(found.job, found.index);
  });
}

/** In the order of their indexes; empty unless the job is an array job. */
export function listChildren(
  request: { readonly arrayJobId: string } | SomeChildren,
  jobs: JobStates,
): JobSummary[] {
  const job = jobs.get(request.arrayJobId);
  if (job?.arraySize === undefined) return [];
  const children = summarizeChildren(job);
  if (!('jobStatus' in request)) return children;
  return children.filter(({ status }) => status === request.jobStatus).slice(0, request.most);
}

const NEWLINE = '\n'.charCodeAt(0);

/**
 * An append-only file of JSON lines. Each line survives the death of this program, and durable lines survive a power cut, too. If a
 * power cut removes other lines, an attempt runs again and its programs find the existing results.
 */
export class Journal {
  readonly #path: string;
  #file: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * @param durable sync this line and all earlier lines to the disk before returning
   * @throws SpotreelError `journal-write` if writing fails; then the file is unchanged.
   */
  append(value: unknown, durable = false): void {
    try {
      // Opened at the first line, because ended jobs need no file handle.
      this.#file ??= openRegularFile(this.#path, 'append');
      const isNew = fstatSync(this.#file).size === 0;
      writeWhole(this.#file, Buffer.from(`${JSON.stringify(value)}\n`));
      if (durable) syncToDisk(this.#file);
      if (durable && isNew) syncFolderOf(this.#path);
    } catch (error) {
      const message = `can't write ${this.#path}: ${messageOf(error)}; free space on the disk and start again`;
      throw new SpotreelError('journal-write', 'passing', message, { cause: error });
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function syncToDisk(file: number): void {
  try {
    fsyncSync(file);
  } catch (error) {
    if (!isSyncUnsupported(error)) throw error;
  }
}

/** The folder holds the name of a new file. */
function syncFolderOf(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    syncToDisk(folder);
  } finally {
    closeSync(folder);
  }
}

/** Removes a partly written line, which would damage the next line. */
function writeWhole(file: number, bytes: Buffer): void {
  const { size } = fstatSync(file);
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
  }
}

/**
 * The values of a journal's lines. Removes a last line without a line end from the file: its writer died. Throws `journal-corrupt` if
 * another line is not JSON.
 */
export function readJournal(path: string): unknown[] {
  const bytes = readBytes(path);
  const length = bytes.lastIndexOf(NEWLINE) + 1;
  if (length < bytes.length) truncateSync(path, length);
  return parseLines(path, bytes.toString('utf8', 0, length));
}

/** As `readJournal`, but does not change the file, because another process may be writing it. */
function peekJournal(path: string): unknown[] {
  const bytes = readBytes(path);
  return parseLines(path, bytes.toString('utf8', 0, bytes.lastIndexOf(NEWLINE) + 1));
}

function readBytes(path: string): Buffer {
  try {
    return readRegularFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw error;
    throw fileError(error, path, 'read');
  }
}

function parseLines(path: string, text: string): unknown[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as unknown;
    } catch (error) {
      throw journalCorrupt(path, i + 1, 'it is not JSON', error);
    }
  });
}

/** @param line 1-based */
function journalCorrupt(path: string, line: number, what: string, cause?: unknown): SpotreelError {
  const message = `line ${line} of ${path} is damaged (${what}); remove the file to forget this job`;
  return new SpotreelError('journal-corrupt', 'internal', message, { cause });
}

const EXTENSION = '.jsonl';

export function journalFile(jobsDirectory: string, jobId: string): string {
  return join(jobsDirectory, `${jobId}${EXTENSION}`);
}

/** The jobs of all journals in a directory, in the order of their submission. Throws `journal-corrupt`. */
export function recoverJobs(jobsDirectory: string): JobState[] {
  return inOrder(journalsIn(jobsDirectory).map(recoverJob));
}

export interface PeekedJobs {
  readonly jobs: JobState[];
  /** One line for each damaged journal. */
  readonly damage: readonly string[];
}

/**
 * As `recoverJobs`, but read-only, because another process may be writing the journals: changes no file and skips damaged ones. A missing
 * directory has no jobs.
 */
export function peekJobs(jobsDirectory: string): PeekedJobs {
  const damage: string[] = [];
  const peek = (path: string): JobState | undefined => {
    try {
      const values = peekJournal(path);
      return values.length > 0 ? replay(path, values) : undefined;
    } catch (error) {
      // Deleted since the folder was read.
      if (codeOf(error) !== 'ENOENT') damage.push(messageOf(error));
      return undefined;
    }
  };
  const jobs = inOrder(namesIn(jobsDirectory).map((path) => peek(path)));
  return { jobs, damage };
}

function namesIn(jobsDirectory: string): string[] {
  try {
    return journalsIn(jobsDirectory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw fileError(error, jobsDirectory, 'read');
  }
}

function journalsIn(jobsDirectory: string): string[] {
  const names = readdirSync(jobsDirectory).filter((name) => name.endsWith(EXTENSION));
  return names.map((name) => join(jobsDirectory, name));
}

function inOrder(jobs: ReadonlyArray<JobState | undefined>): JobState[] {
  return jobs.filter((job) => job !== undefined).toSorted((a, b) => a.sequence - b.sequence);
}

function recoverJob(path: string): JobState | undefined {
  const values = readJournal(path);
  if (values.length > 0) return replay(path, values);
  // Its writer died within the first line, so the caller of `submitJob` got no answer.
  rmSync(path);
  return undefined;
}

function replay(path: string, [first, ...rest]: readonly unknown[]): JobState {
  const submitted = submittedSchema.safeParse(first);
  if (!submitted.success) throw journalCorrupt(path, 1, describeIssues(submitted.error), submitted.error);
  const job = createJobState(submitted.data);
  rest.forEach((value, i) => {
    const event = jobEventSchema.safeParse(value);
    if (!event.success) throw journalCorrupt(path, i + 2, describeIssues(event.error), event.error);
    try {
      applyEvent(job, event.data);
    } catch (error) {
      throw journalCorrupt(path, i + 2, messageOf(error), error);
    }
  });
  return job;
}

/** A read-only view of a local Batch that another process may run. Reads the journals at each call and skips damaged ones. */
export class PeekedBatch implements BatchView {
  constructor(private readonly stateDirectory: string) {}

  async describeJobs(jobIds: readonly string[]): Promise<JobDetail[]> {
    return describeJobs(jobIds, this.jobs());
  }

  async listJobs(request: ListJobsRequest): Promise<JobSummary[]> {
    const jobs = this.jobs();
    if ('arrayJobId' in request) return listChildren(request, jobs);
    const { jobName } = request;
    return [...jobs.values()].filter((job) => job.request.jobName === jobName).map(summarizeJob);
  }

  private jobs(): JobStates {
    const { jobs } = peekJobs(join(this.stateDirectory, 'jobs'));
    return new Map(jobs.map((job) => [job.jobId, job]));
  }
}
