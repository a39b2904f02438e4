import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../errors';
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

/**
 * The same for who only looks, while another process may be writing them: nothing is mended. None where there is no such
 * directory.
 *
 * @throws SpotreelError `journal-corrupt`
 */
export function peekJobs(jobsDirectory: string): JobState[] {
  if (!existsSync(jobsDirectory)) return [];
  const journals = journalsIn(jobsDirectory).map((path) => ({ path, values: peekJournal(path) }));
  return inOrder(journals.map(({ path, values }) => (values.length > 0 ? replay(path, values) : undefined)));
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
  if (!submitted.success) throw journalCorrupt(path, 1, submitted.error.message, submitted.error);
  const job = createJobState(submitted.data);
  rest.forEach((value, i) => {
    try {
      applyEvent(job, jobEventSchema.parse(value));
    } catch (error) {
      throw journalCorrupt(path, i + 2, messageOf(error), error);
    }
  });
  return job;
}
