import type { ProveFacts } from '../../../../cli/prove/facts';
import { judgeMachines } from '../../../../cli/prove/judge-machine';
import type { ProbeReport } from '../../../../core/jobs/worker';
import { makeFarmDescription } from '../../../support/farm-description';
import { goodFacts, goodReport } from '../../../support/prove-facts';

const check = (name: string, facts: ProveFacts) => judgeMachines(facts).find((one) => one.name === name)!;

/** Good facts with a change in one report. */
function withReport(name: string, change: (report: ProbeReport) => Partial<ProbeReport>): ProveFacts {
  const facts = goodFacts();
  const report = facts.reports[name]!;
  return { ...facts, reports: { ...facts.reports, [name]: { ...report, ...change(report) } } };
}

test('judgeMachines finds a whole farm in order', () => {
  const states = judgeMachines(goodFacts()).map(({ name, state }) => `${name} ${state}`);
  expect(states.filter((state) => !state.endsWith(' ok'))).toEqual([]);
});

const { sandbox } = goodReport();
const inside = (change: Record<string, string>) => ({
  sandbox: { ...sandbox, inside: { ...sandbox.inside, ...change } },
});

test.each<[check: string, found: string, change: (report: ProbeReport) => Partial<ProbeReport>]>([
  [
    'image',
    'its Blender is 5.1.0, and the farm says 5.2.0',
    ({ programs }) => ({ programs: { ...programs, blender: '5.1.0' } }),
  ],
  [
    'image',
    'ffmpeg does not answer: ENOENT',
    ({ programs }) => ({ programs: { ...programs, ffmpeg: 'ENOENT' } }),
  ],
  ['image', 'the worker runs as root', () => ({ uid: 0 })],
  [
    'sandbox',
    'off: perl is missing',
    () => ({ sandbox: { ...sandbox, off: 'off: perl is missing on PATH' } }),
  ],
  [
    'sandbox',
    'missing: this kernel has no seccomp',
    () => ({ sandbox: { ...sandbox, gaps: ['missing: this kernel has no seccomp'] } }),
  ],
  ['sandbox', 'a program in it can write another folder', () => inside({ 'write another folder': 'done' })],
  ['sandbox', 'a program in it can open a connection', () => inside({ 'open a connection': 'done' })],
  [
    'sandbox',
    'it does not start: exit code 126',
    () => ({ sandbox: { ...sandbox, inside: { start: 'exit code 126' } } }),
  ],
  ['sandbox', 'seccomp 0', () => inside({ Seccomp: '0' })],
  ['sandbox', 'the kernel has no Landlock', () => ({ sandbox: { ...sandbox, landlockAbi: 0 } })],
  ['credentials', 'can read the environment', () => inside({ 'read the worker environment': 'done' })],
  ['credentials', 'has AWS_SECRET', () => inside({ 'credentials in its environment': 'AWS_SECRET' })],
  [
    'metadata',
    'answers a container (done: HTTP 401)',
    ({ metadata }) => ({ metadata: { ...metadata, page: 'done: HTTP 401' } }),
  ],
  [
    'metadata',
    'cannot determine whether',
    ({ metadata }) => ({ metadata: { ...metadata, token: 'bad port' } }),
  ],
  [
    'notice',
    'cannot read /spotreel/host: ENOENT',
    ({ notice }) => ({ notice: { ...notice, list: 'ENOENT' } }),
  ],
  [
    'notice',
    'a container can write to /spotreel/host',
    ({ notice }) => ({ notice: { ...notice, write: 'done' } }),
  ],
  ['notice', 'names no file of the Spot notice', ({ notice }) => ({ notice: { ...notice, folder: '' } })],
  ['scratch', 'belongs to user 0', ({ scratch }) => ({ scratch: { ...scratch, uid: 0 } })],
  [
    'scratch',
    'cannot write to /scratch: EACCES',
    ({ scratch }) => ({ scratch: { ...scratch, write: 'EACCES' } }),
  ],
  ['scratch', 'permissions 755', ({ scratch }) => ({ scratch: { ...scratch, mode: '755' } })],
  ['scratch', 'is no volume of its own', ({ scratch }) => ({ scratch: { ...scratch, isMount: false } })],
  ['scratch', '3 files of others', ({ scratch }) => ({ scratch: { ...scratch, foreign: 3 } })],
  [
    'rights',
    'did not deny the worker to write an upload: done',
    ({ rights }) => ({ rights: { ...rights, 'write an upload': 'done' } }),
  ],
  [
    'rights',
    'must be able to ask for a missing render: denied',
    ({ rights }) => ({ rights: { ...rights, 'ask for a missing render': 'denied' } }),
  ],
  ['rights', 'cannot determine the role', () => ({ role: 'ENOTFOUND' })],
  [
    'rights',
    'the machine’s role',
    () => ({ role: 'arn:aws:sts::1:assumed-role/Machine/i-0123456789abcdef0' }),
  ],
  [
    'cache',
    'cannot write to /spotreel/cache: EACCES',
    ({ cache }) => ({ cache: { ...cache, write: 'EACCES' } }),
  ],
  ['cache', 'the permissions 755, not 1733', ({ cache }) => ({ cache: { ...cache, mode: '755' } })],
])('judgeMachines fails %s: %s', (name, found, change) => {
  expect(check(name, withReport('pair-1', change))).toMatchObject({
    state: 'failed',
    found: expect.stringContaining(found),
    fix: expect.stringMatching(/\w/),
  });
});

test('judgeMachines fails a cache that two containers of one machine do not share', () => {
  const facts = withReport('after', ({ cache }) => ({ cache: { ...cache, marks: ['pair-0'] } }));
  expect(check('cache', facts)).toMatchObject({ state: 'failed', found: expect.stringContaining('pair-1') });
});

test('judgeMachines skips sharing of the cache if the jobs ran on different machines', () => {
  expect(
    check(
      'cache',
      withReport('after', () => ({ bootId: 'boot-2' })),
    ),
  ).toMatchObject({
    state: 'skipped',
    found: expect.stringContaining('different machines'),
  });
});

test('judgeMachines fails only the machine if no job ran', () => {
  const states = Object.fromEntries(
    judgeMachines(goodFacts({ reports: {} })).map(({ name, state }) => [name, state]),
  );
  expect(states).toMatchObject({
    machine: 'failed',
    sandbox: 'skipped',
    metadata: 'skipped',
    cache: 'skipped',
  });
});

test.each([
  ['the driver does not answer', { driver: 'ENOENT', cycles: ['OPTIX T4'], eevee: '' }],
  ['Cycles finds no OptiX', { driver: 'done', cycles: [], eevee: '' }],
  ['EEVEE draws in software', { driver: 'done', cycles: ['CUDA T4'], eevee: 'llvmpipe (LLVM 15)' }],
])('judgeMachines fails gpu: %s', (found, gpu) => {
  expect(
    check(
      'gpu',
      withReport('gpu', () => ({ gpu })),
    ),
  ).toMatchObject({
    state: 'failed',
    found: expect.stringContaining(found),
  });
});

test('judgeMachines skips GPUs of a farm that has none', () => {
  const facts = goodFacts({ farm: makeFarmDescription() });
  expect([check('gpu', facts).state, check('gpu-dependency', facts).state]).toEqual(['skipped', 'skipped']);
});

test('judgeMachines accepts that private subnets reach neither STS nor AWS Batch', () => {
  const facts = withReport('pair-1', ({ rights }) => ({
    rights: { ...rights, 'describe job queues': 'unavailable' },
    role: 'unavailable',
  }));
  expect(check('rights', facts).state).toBe('ok');
});
