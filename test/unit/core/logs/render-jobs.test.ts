import { jobsOfSlice, renderJobsOf, sliceOfIndex, stitchJobsOf } from '../../../../core/logs/render-jobs';

const job = (jobId: string) => ({ jobId, jobName: jobId });
const jobs = (render: string, stitch: string) => ({ render: job(render), stitch: job(stitch) });
const slices = (...indexes: number[]) => indexes.map((index) => ({ start: index, end: index, step: 1 }));
const after = (render: string, stitch = 's') => ({ render, stitch });

test('without a retry there is one job, whose children are the slices', () => {
  const found = renderJobsOf(jobs('r', 's'), []);
  expect(found).toEqual([{ jobId: 'r' }]);
  expect(jobsOfSlice(3, found, 5)).toEqual(['r:3']);
  expect(jobsOfSlice(0, found, 1)).toEqual(['r']);
  expect(sliceOfIndex(3, found[0]!)).toBe(3);
});

test('a slice is looked for in the retries that have it, the newest first, and in the first job', () => {
  const plans = [
    { slices: slices(1, 4, 7), after: after('r') },
    { slices: slices(4), after: after('r1') },
  ];
  const found = renderJobsOf(jobs('r2', 's2'), plans);
  expect(found).toEqual([{ jobId: 'r2', slices: [4] }, { jobId: 'r1', slices: [1, 4, 7] }, { jobId: 'r' }]);
  // A retry of one slice is no array job.
  expect(jobsOfSlice(4, found, 9)).toEqual(['r2', 'r1:1', 'r:4']);
  expect(jobsOfSlice(7, found, 9)).toEqual(['r1:2', 'r:7']);
  expect(jobsOfSlice(8, found, 9)).toEqual(['r:8']);
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
  expect(jobsOfSlice(2, found, 9)).toEqual(['r1']);
  expect(jobsOfSlice(3, found, 9)).toEqual([]);
});

test('stitch jobs: those of the pairs before, each once, also where a plan came to nothing', () => {
  expect(stitchJobsOf(jobs('r', 's'), [])).toEqual(['s']);
  const plans = [{ after: after('r', 's') }, { after: after('r', 's') }, { after: after('r2', 's2') }];
  expect(stitchJobsOf(jobs('r3', 's3'), plans)).toEqual(['s3', 's2', 's']);
  expect(stitchJobsOf(jobs('r1', 's1'), [{}])).toEqual(['s1']);
});
