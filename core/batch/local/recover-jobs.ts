import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeIssues } from '../../contract/parse-json';
import { codeOf, messageOf } from '../../errors';
import { fileError } from '../../storage/file-error';
import { jobEventSchema, submittedSchema } from './job-event';
import { applyEvent, createJobState, type JobState } from './job-state';
import { journalCorrupt, peekJournal, readJournal } from './journal';

const EXTENSION = '.jsonl';

export function journalFile(jobsDirectory: string, jobId: string): string {
  return join(jobsDirectory, `${jobId}${EXTENSION}`);
}

/**
 * The jobs whose journals lie in a directory, in the order of their submission, each as its journal left it.
 *
 * @throws SpotreelError `journal-corrupt`
 */
export function recoverJobs(jobsDirectory: string): JobState[] {
  return inOrder(journalsIn(jobsDirectory).map(recoverJob));
}

/** The jobs that only a look found, and why others could not be read. */
export interface PeekedJobs {
  readonly jobs: JobState[];
  /** One line for each damaged journal. */
  readonly damage: readonly string[];
}

/**
 * The same for who only looks, while another process may be writing the journals: no file is changed, and damaged ones are skipped.
 * No jobs where there is no such directory.
 */
export function peekJobs(jobsDirectory: string): PeekedJobs {
  const damage: string[] = [];
  const peek = (path: string): JobState | undefined => {
    try {
      const values = peekJournal(path);
      return values.length > 0 ? replay(path, values) : undefined;
    } catch (error) {
      // Forgotten since the folder was read.
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
  // Stopped within its first line: whoever submitted it never got an answer.
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
