import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../../../../core/errors';
import { createJobState } from '../../../../core/local-batch/job-state';
import {
  Journal,
  journalFile,
  peekJobs,
  readJournal,
  recoverJobs,
} from '../../../../core/local-batch/journal';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'spotreel-journal-'))));
afterEach(() => rmSync(directory, { recursive: true }));

const JOB_ID = '00000000-0000-4000-8000-000000000001';
const SUBMITTED = {
  type: 'submitted' as const,
  at: 1,
  jobId: JOB_ID,
  sequence: 0,
  request: { jobName: 'job', jobQueue: 'queue', jobDefinition: 'definition', arrayProperties: { size: 3 } },
};

function write(...lines: unknown[]): string {
  const path = journalFile(directory, JOB_ID);
  const journal = new Journal(path);
  for (const line of lines) journal.append(line);
  journal.close();
  return path;
}

test('a journal keeps its lines after it is opened again', () => {
  const path = write({ a: 1 }, { b: 'x\ny' });
  write({ c: 3 });
  expect(readJournal(path)).toEqual([{ a: 1 }, { b: 'x\ny' }, { c: 3 }]);
});

test.each(['{"c":', '{"c":3}', '\0\0\0', 'é'])(
  'a torn last line (%j) is removed and does not damage the next line',
  (torn) => {
    const path = write({ a: 1 });
    appendFileSync(path, torn);
    expect(readJournal(path)).toEqual([{ a: 1 }]);
    write({ b: 2 });
    expect(readJournal(path)).toEqual([{ a: 1 }, { b: 2 }]);
  },
);

test('a journal that is cut at any byte can be read', () => {
  const path = write(SUBMITTED, { type: 'ready', at: 2 }, { type: 'started', at: 3, index: 1 });
  const bytes = readFileSync(path);
  for (let length = 0; length <= bytes.length; length += 1) {
    writeFileSync(path, bytes.subarray(0, length));
    const jobs = recoverJobs(directory);
    expect(jobs.length).toBe(length > bytes.indexOf('\n') ? 1 : 0);
  }
});

test('a journal with a torn first line is deleted', () => {
  const path = journalFile(directory, JOB_ID);
  writeFileSync(path, '{"type":"submi');
  expect(recoverJobs(directory)).toEqual([]);
  expect(() => statSync(path)).toThrow(/ENOENT/);
});

test('peekJobs changes no journal that is being written', () => {
  expect(peekJobs(join(directory, 'nowhere'))).toEqual({ jobs: [], damage: [] });
  const path = write(SUBMITTED, { type: 'ready', at: 2 });
  const bytes = readFileSync(path);
  for (let length = 0; length <= bytes.length; length += 1) {
    writeFileSync(path, bytes.subarray(0, length));
    const { jobs } = peekJobs(directory);
    expect(readFileSync(path).length).toBe(length);
    expect(jobs).toEqual(recoverJobs(directory));
  }
});

test.each([
  ['not JSON', '{"type":'],
  ['not an event', '{"type":"exploded","at":1}'],
  ['an impossible event', '{"type":"started","at":1,"index":0}'],
])('the error names a line in the middle that is %s', (_, line) => {
  const path = write(SUBMITTED);
  appendFileSync(path, `${line}\n{"type":"ready","at":2}\n`);
  const error = thrownBy(() => recoverJobs(directory));
  expect(codeOf(error)).toBe('journal-corrupt');
  expect(String(error)).toContain(`line 2 of ${path} is damaged (`);
  expect(String(error)).not.toMatch(/[\n{]/);
});

test('peekJobs skips a damaged journal and reports why', () => {
  write(SUBMITTED);
  writeFileSync(journalFile(directory, 'damaged'), '{"type":"submitted"}\n');
  mkdirSync(journalFile(directory, 'folder'));
  const { jobs, damage } = peekJobs(directory);
  expect(jobs.map(({ jobId }) => jobId)).toEqual([JOB_ID]);
  expect(damage).toEqual([
    `line 1 of ${journalFile(directory, 'damaged')} is damaged (at: missing; jobId: missing; sequence: missing; and 1 more); remove the file to forget this job`,
    expect.stringContaining(`can't read ${journalFile(directory, 'folder')}: it is a folder`),
  ]);
});

test.each([1e308, -7])('a journal with the time %d is damaged', (at) => {
  write({ ...SUBMITTED, at });
  expect(codeOf(thrownBy(() => recoverJobs(directory)))).toBe('journal-corrupt');
});

test('an append to a missing folder throws journal-write', () => {
  const error = thrownBy(() => new Journal(join(directory, 'no', 'such', 'folder')).append({}));
  expect(codeOf(error)).toBe('journal-write');
});

test('recoverJobs returns jobs in the order of their submission', () => {
  const ids = [3, 1, 2].map((n) => JOB_ID.replace(/1$/, String(n)));
  for (const [sequence, jobId] of ids.entries()) {
    const journal = new Journal(journalFile(directory, jobId));
    journal.append({ ...SUBMITTED, jobId, sequence });
    journal.close();
  }
  expect(recoverJobs(directory).map(({ jobId }) => jobId)).toEqual(ids);
});

test('an event of one of 10,000 children takes one short line', () => {
  const size = 10_000;
  const submitted = { ...SUBMITTED, request: { ...SUBMITTED.request, arrayProperties: { size } } };
  const path = write(submitted, { type: 'ready', at: 1_800_000_000_000 });
  const journal = new Journal(path);
  const before = statSync(path).size;
  for (let index = 0; index < size; index += 1) {
    journal.append({ type: 'started', at: 1_800_000_000_000, index });
    journal.append({ type: 'ended', at: 1_800_000_000_000, index, status: 'SUCCEEDED', exitCode: 0 });
  }
  journal.close();
  expect((statSync(path).size - before) / size).toBeLessThan(150);
  const [job] = recoverJobs(directory);
  expect(job?.statusSummary).toEqual({
    ...createJobState(submitted).statusSummary,
    PENDING: 0,
    SUCCEEDED: size,
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
