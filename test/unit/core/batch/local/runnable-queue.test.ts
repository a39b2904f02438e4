import * as fc from 'fast-check';
import { RunnableQueue } from '../../../../../core/batch/local/runnable-queue';
import { makeJob } from './job-builders';

test('children come out by submission, then by index, whatever the order they went in', () => {
  const jobs = [makeJob(100), makeJob(100)];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1), fc.nat(99))), (entries) => {
      const queue = new RunnableQueue();
      for (const [job, index] of entries) queue.push({ job: jobs[job] ?? makeJob(), index });
      const out = [];
      for (let next = queue.pop(); next !== undefined; next = queue.pop())
        out.push([jobs.indexOf(next.job), next.index]);
      expect(out).toEqual(entries.toSorted(([a, i], [b, j]) => a - b || i - j));
    }),
  );
});
