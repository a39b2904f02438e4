import type { ProveFacts } from '../../../../cli/prove/facts';
import { judgeJobs } from '../../../../cli/prove/judge-jobs';
import { goodFacts } from '../../../support/prove-facts';

const check = (name: string, facts: ProveFacts) => judgeJobs(facts).find((one) => one.name === name)!;

const good = goodFacts();
const { pair, after, held } = good.jobs;
const withJobs = (changes: Partial<ProveFacts['jobs']>): Partial<ProveFacts> => ({
  jobs: { ...good.jobs, ...changes },
});
const failedPair = { job: { ...pair!.job, status: 'FAILED' as const }, children: pair!.children };

test('judgeJobs finds a whole farm in order', () => {
  const states = judgeJobs(good).map(({ name, state }) => `${name} ${state}`);
  expect(states.filter((state) => !state.endsWith(' ok'))).toEqual([]);
});

test.each<[check: string, found: string, changes: Partial<ProveFacts>]>([
  ['upload', 'access denied', { upload: { fault: 'access denied' } }],
  ['upload', 'no render came of the upload in 10 minutes', { upload: {} }],
  ['upload', 'the farm refused it', { upload: { status: { ...good.upload.status!, state: 'refused' } } }],
  [
    'finish',
    'the render is failed',
    { upload: { ...good.upload, status: { ...good.upload.status!, state: 'failed' } } },
  ],
  [
    'finish',
    'the farm did not report it',
    { upload: { folder: 'x', render: good.upload.render!, stitch: good.upload.stitch! } },
  ],
  ['array', 'the job pair failed', withJobs({ pair: failedPair })],
  [
    'array',
    'not all children of pair succeeded',
    withJobs({ pair: { ...pair!, children: [pair!.children[0]!] } }),
  ],
  ['array', 'did not report with its own index', { reports: {} }],
  [
    'dependency',
    'began before the end',
    withJobs({ after: { ...after!, job: { ...after!.job, startedAt: 1500 } } }),
  ],
  [
    'dependency',
    'still PENDING after 10 minutes',
    withJobs({ after: { ...after!, job: { ...after!.job, status: 'PENDING' } } }),
  ],
  [
    'retry',
    'the exit codes are 0, not 75 first',
    withJobs({
      pair: { ...pair!, children: [{ ...pair!.children[0]!, attempts: [{ container: { exitCode: 0 } }] }] },
    }),
  ],
  [
    'retry',
    'no later attempt succeeded',
    withJobs({ pair: { ...pair!, children: [{ ...pair!.children[0]!, status: 'FAILED' }] } }),
  ],
  [
    'retry',
    'AWS Batch refused it',
    { ...withJobs({ pair: undefined }), refused: { pair: 'AWS Batch refused it' } },
  ],
  [
    'cancel',
    'with the reason "Array Child Job failed"',
    withJobs({ held: { ...held!, job: { ...held!.job, statusReason: 'Array Child Job failed' } } }),
  ],
  ['cancel', 'still RUNNING', withJobs({ held: { ...held!, job: { ...held!.job, status: 'RUNNING' } } })],
  ['cancel', '1 of 2 workers noticed', { stopped: ['held-0'] }],
  ['cycles', 'the farm stored 0 of 2 frames', { cycles: { fault: 'the farm stored 0 of 2 frames' } }],
  [
    'eevee',
    'by up to 200 of 255',
    { eevee: { compared: [{ frame: 1, difference: { values: 9, max: 200, mean: 3 } }] } },
  ],
  [
    'cycles',
    'by up to 9 of 255',
    { cycles: { compared: [{ frame: 1, difference: { values: 9, max: 9, mean: 0.1 } }] } },
  ],
  ['alarms', '0 of 5 alarms exist', { alarms: { value: [] } }],
  [
    'alarms',
    'lack cloudwatch:DescribeAlarms',
    { alarms: { why: 'denied', fault: 'no', permission: 'cloudwatch:DescribeAlarms' } },
  ],
])('judgeJobs fails %s: %s', (name, found, changes) => {
  expect(check(name, goodFacts(changes))).toMatchObject({
    state: 'failed',
    found: expect.stringContaining(found),
    fix: expect.stringMatching(/\w/),
  });
});

test('judgeJobs fails alarms without actions, by name', () => {
  const value = [1, 2, 3, 4, 5].map((id) => ({ name: `alarm-${id}`, actionsEnabled: id !== 3, state: 'OK' }));
  expect(check('alarms', goodFacts({ alarms: { value } })).found).toBe('these alarms notify no one: alarm-3');
});

test('judgeJobs says so when frames equal only within tolerance', () => {
  const cycles = { compared: [{ frame: 2, difference: { values: 4, max: 1, mean: 0.001 } }] };
  expect(check('cycles', goodFacts({ cycles }))).toMatchObject({
    state: 'ok',
    found: expect.stringMatching(/frame 2 differs .* by up to 1 of 255.*: within tolerance, not equal/),
  });
});

test('judgeJobs skips frames that cannot be compared, with the reason', () => {
  const eevee = { skipped: 'this machine has 4.5.1' };
  expect(check('eevee', goodFacts({ eevee }))).toEqual({
    name: 'eevee',
    state: 'skipped',
    found: 'this machine has 4.5.1',
  });
});

test('judgeJobs skips the dependency on a job that failed', () => {
  expect(check('dependency', goodFacts(withJobs({ pair: failedPair }))).state).toBe('skipped');
});

test('judgeJobs says that slices have one attempt', () => {
  expect(check('retry', goodFacts({ attempts: 1 }))).toMatchObject({
    state: 'ok',
    found: expect.stringContaining('slices have 1 attempt'),
  });
});

test('judgeJobs names the setting attempts if a retry is missing and the attempts are unknown', () => {
  const children = [{ ...pair!.children[0]!, status: 'FAILED' as const }];
  const facts = goodFacts(withJobs({ pair: { ...pair!, children } }));
  expect(check('retry', facts).fix).toContain('the setting attempts');
});
