import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../errors';
import { jobEventSchema, submittedSchema } from './job-event';
import { applyEvent, createJobState, type JobState } from './job-state';
import { journalCorrupt, readJournal } from './journal';

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
  return readdirSync(jobsDirectory)
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => recoverJob(join(jobsDirectory, name)))
    .filter((job) => job !== undefined)
    .toSorted((a, b) => a.sequence - b.sequence);
}

function recoverJob(path: string): JobState | undefined {
  const [first, ...rest] = readJournal(path);
  if (first === undefined) {
    // Stopped within its first line: whoever submitted it never got an answer.
    rmSync(path);
    return undefined;
  }
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
