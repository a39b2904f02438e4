import type { ProveFacts, SeenJob } from '../../cli/prove/facts';
import type { JobDetail } from '../../core/jobs/batch';
import type { ProbeReport } from '../../core/jobs/worker';
import { makeFarmDescription } from './farm-description';

/** A report of a container in which all is well. */
export const goodReport = (changes: Partial<ProbeReport> = {}): ProbeReport => ({
  version: 1,
  jobId: 'job',
  attempt: 1,
  bootId: 'boot-1',
  kernel: '6.1.0',
  uid: 10_001,
  programs: { blender: '5.2.0 LTS', ffmpeg: 'ffmpeg version 7.1' },
  sandbox: {
    gaps: ['replaced: Landlock ABI 2 cannot restrict truncation (ABI 3 can): seccomp restricts it'],
    landlockAbi: 2,
    inside: {
      'write its own folder': 'done',
      'write another folder': 'Permission denied',
      'open a connection': 'Permission denied',
      'signal the worker': 'Operation not permitted',
      'read the worker environment': 'Permission denied',
      'credentials in its environment': 'none',
      Seccomp: '2',
      NoNewPrivs: '1',
      CapEff: '0000000000000000',
    },
  },
  metadata: { url: 'http://169.254.169.254', token: 'ECONNREFUSED', page: 'ETIMEDOUT' },
  notice: { folder: '/spotreel/host', list: 'done', write: 'EROFS', isNoticed: false },
  scratch: { folder: '/scratch', uid: 10_001, mode: '700', write: 'done', isMount: true, foreign: 0 },
  cache: { folder: '/spotreel/cache', mode: '1733', write: 'done', list: 'EACCES', marks: [] },
  rights: {
    'ask for a missing render': 'done',
    'list renders': 'done',
    'write an upload': 'denied',
    'describe job queues': 'denied',
  },
  role: 'arn:aws:sts::123456789012:assumed-role/JobRole/0123456789abcdef',
  ...changes,
});

const jobOf = (jobName: string, changes: Partial<JobDetail> = {}): JobDetail => ({
  jobId: jobName,
  jobName,
  jobQueue: 'queue',
  jobDefinition: 'definition',
  status: 'SUCCEEDED',
  startedAt: 1000,
  stoppedAt: 2000,
  ...changes,
});

const plain = (jobName: string, changes: Partial<JobDetail> = {}): SeenJob => ({
  job: jobOf(jobName, changes),
  children: [],
});

/** An array job of two children, with changes of all three. */
const array = (jobName: string, changes: Partial<JobDetail> = {}): SeenJob => ({
  job: jobOf(jobName, { arrayProperties: { size: 2 }, ...changes }),
  children: [0, 1].map((index) => jobOf(`${jobName}:${index}`, { arrayProperties: { index }, ...changes })),
});

const attempted = (...codes: number[]): JobDetail['attempts'] =>
  codes.map((exitCode) => ({ container: { exitCode } }));

const pair = array('pair');

/** The facts of a farm with GPUs in which all is well. */
export const goodFacts = (changes: Partial<ProveFacts> = {}): ProveFacts => ({
  farm: { ...makeFarmDescription(), gpu: { jobQueue: 'gpus', parallel: 1 } },
  minutes: 10,
  jobs: {
    pair: {
      job: pair.job,
      children: [{ ...pair.children[0]!, attempts: attempted(75, 0) }, pair.children[1]!],
    },
    after: plain('after', { startedAt: 2500, stoppedAt: 3000 }),
    held: array('held', { status: 'FAILED', statusReason: 'terminated by spotreel prove' }),
    eevee: plain('eevee'),
    gpu: plain('gpu'),
    'after-gpu': plain('after-gpu', { startedAt: 2500 }),
  },
  refused: {},
  reports: {
    'pair-0': goodReport({ attempt: 2 }),
    'pair-1': goodReport(),
    after: goodReport({
      cache: { ...goodReport().cache, marks: ['pair-0', 'pair-1'] },
    }),
    gpu: goodReport({ gpu: { driver: 'done', cycles: ['OPTIX NVIDIA T4'], eevee: 'NVIDIA T4' } }),
  },
  stopped: ['held-0', 'held-1'],
  cancelReason: 'terminated by spotreel prove',
  upload: {
    folder: 's3://films/renders/prove-1-2/',
    render: array('prove-1-2_Rendering'),
    stitch: plain('prove-1-2_Stitching', { startedAt: 2500 }),
    status: {
      version: 1,
      renderId: 'prove-1-2',
      state: 'complete',
      at: '2026-11-30T12:00:00.000Z',
      notifiedAt: '2026-11-30T12:00:01.000Z',
      findings: [],
      links: { folder: 's3://films/renders/prove-1-2/' },
    },
  },
  cycles: { compared: [{ frame: 1, difference: { values: 0, max: 0, mean: 0 } }] },
  eevee: { compared: [{ frame: 1, difference: { values: 0, max: 0, mean: 0 } }] },
  alarms: {
    value: ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, actionsEnabled: true, state: 'OK' })),
  },
  ...changes,
});
