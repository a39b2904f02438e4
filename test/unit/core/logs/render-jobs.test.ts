import { jobOfSlice, renderJobsOf, sliceOfIndex } from '../../../../core/logs/render-jobs';

const job = (jobId: string) => ({ jobId, jobName: jobId });
const jobs = (render: string, stitch: string) => ({ render: job(render), stitch: job(stitch) });
const slices = (...indexes: number[]) => indexes.map((index) => ({ start: index, end: index, step: 1 }));
const after = (render: string) => ({ render, stitch: 's' });

test('without a retry there is one job, whose children are the slices', () => {
  const found = renderJobsOf(jobs('r', 's'), []);
  expect(found).toEqual([{ jobId: 'r' }]);
  expect(jobOfSlice(3, found, 5)).toBe('r:3');
  expect(jobOfSlice(0, found, 1)).toBe('r');
  expect(sliceOfIndex(3, found[0]!)).toBe(3);
});

test('a slice is looked for in the newest retry that has it, and else in the first job', () => {
  const plans = [
    { slices: slices(1, 4, 7), after: after('r') },
    { slices: slices(4), after: after('r1') },
  ];
  const found = renderJobsOf(jobs('r2', 's2'), plans);
  expect(found).toEqual([{ jobId: 'r2', slices: [4] }, { jobId: 'r1', slices: [1, 4, 7] }, { jobId: 'r' }]);
  // A retry of one slice is no array job.
  expect(jobOfSlice(4, found, 9)).toBe('r2');
  expect(jobOfSlice(7, found, 9)).toBe('r1:2');
  expect(jobOfSlice(8, found, 9)).toBe('r:8');
  expect(sliceOfIndex(2, found[1]!)).toBe(7);
});

test('a retry that came to nothing, and one of the video alone, have no render job', () => {
  const nothing = [
    { slices: slices(1, 2), after: after('r') },
    { slices: slices(2, 3), after: after('r') },
  ];
  expect(renderJobsOf(jobs('r2', 's2'), nothing)).toEqual([{ jobId: 'r2', slices: [2, 3] }, { jobId: 'r' }]);
  expect(renderJobsOf(jobs('r', 's1'), [{ slices: [], after: after('r') }])).toEqual([{ jobId: 'r' }]);
});

test('of what was before a retry that followed no known pair nothing is known', () => {
  const found = renderJobsOf(jobs('r1', 's1'), [{ slices: slices(2) }]);
  expect(jobOfSlice(2, found, 9)).toBe('r1');
  expect(jobOfSlice(3, found, 9)).toBeUndefined();
});
