import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, JobDetail, JobSummary } from '../../core/jobs/batch';

export interface Remoteness {
  /** From 0 to 1. */
  readonly random: () => number;
  /** Whether it does not list or describe yet what was submitted since it was first looked at. */
  readonly lateAnswers: boolean;
}

/** There and back, each. AWS Batch takes some tenths of a second. */
const LONGEST_WAY_MS = 120;

/**
 * A Batch behind a network: calls take time, so that runs of the Lambda overlap in them, and answers may be out of date.
 * AWS Batch's answers are eventually consistent by its documentation.
 */
export function seenFromAfar(batch: Batch, { random, lateAnswers }: Remoteness): Batch {
  const since = Date.now();
  const way = (): Promise<void> => sleep(random() * LONGEST_WAY_MS);
  const far = async <T>(call: () => Promise<T>): Promise<T> => {
    await way();
    const answer = await call();
    await way();
    return answer;
  };
  const isKnown = ({ createdAt = 0 }: JobSummary | JobDetail): boolean => !lateAnswers || createdAt < since;
  return {
    submitJob: (request) => far(() => batch.submitJob(request)),
    terminateJob: (jobId, reason) => far(() => batch.terminateJob(jobId, reason)),
    listJobs: (request) => far(async () => (await batch.listJobs(request)).filter(isKnown)),
    describeJobs: (jobIds) => far(async () => (await batch.describeJobs(jobIds)).filter(isKnown)),
  };
}
