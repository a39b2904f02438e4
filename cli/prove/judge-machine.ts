import type { ProbeReport } from '../../core/jobs/worker';
import type { ProveCheck, ProveFacts } from './facts';
import { failed, jobFault, judgeOrder, ok, skipped } from './judge-jobs';

const DONE = 'done';

/** Checks of machines, images and containers, from the reports of probes. Pure. */
export function judgeMachines(facts: ProveFacts): ProveCheck[] {
  return [
    judgeMachine(facts),
    judgeImages(facts),
    ...CONTAINER_CHECKS.map((check) => judgeContainers(check, facts)),
    judgeCache(facts),
    ...judgeGpu(facts),
  ];
}

function judgeMachine({ reports, minutes, farm }: ProveFacts): ProveCheck {
  const name = 'machine';
  const all = Object.values(reports);
  const fix = `run "spotreel doctor --farm ${farm.name}", or give more --minutes`;
  if (all.length === 0) return failed(name, `no job has run in ${minutes} minutes`, fix);
  const machines = new Set(all.map(({ bootId }) => bootId)).size;
  const kernels = [...new Set(all.map(({ kernel }) => kernel))].join(', ');
  return ok(
    name,
    `${machines} ${machines === 1 ? 'machine' : 'machines'} joined and ran jobs, Linux ${kernels}`,
  );
}

function judgeImages(facts: ProveFacts): ProveCheck {
  const name = 'image';
  const { renderDefinitions } = facts.farm;
  const [oldest, newest] = [renderDefinitions[0], renderDefinitions.at(-1)];
  const images = [
    { key: 'pair', report: facts.reports['pair-1'] ?? facts.reports['pair-0'], ...oldest },
    { key: 'after', report: facts.reports.after, ...newest },
    ...renderDefinitions.slice(1).map((definition, index) => {
      const key = `blender-${definition.blenderVersion ?? index + 2}`;
      return { key, report: facts.reports[key], ...definition };
    }),
  ];
  const versions = new Set<string>();
  for (const { key, report, blenderVersion } of images) {
    if (!report) {
      const why = jobFault(key, facts) ?? 'its probe stored no report';
      return failed(name, why, 'check that the image exists: run "spotreel doctor"');
    }
    const { blender, ffmpeg } = report.programs;
    const [version = ''] = blender.split(' ', 1);
    const fix = 'build the image again with container/Dockerfile, and deploy the farm';
    if (blenderVersion === undefined ? !/^\d/.test(version) : version !== blenderVersion)
      return failed(name, `its Blender is ${blender}, and the farm says ${blenderVersion ?? 'nothing'}`, fix);
    if (!ffmpeg.startsWith('ffmpeg version')) return failed(name, `ffmpeg does not answer: ${ffmpeg}`, fix);
    if (report.uid <= 0) return failed(name, 'the worker runs as root', fix);
    versions.add(version);
  }
  return ok(name, `starts with Blender ${[...versions].join(', ')} and ffmpeg, not as root`);
}

/** A check that every report must pass. */
interface ContainerCheck {
  readonly name: string;
  /** What is wrong; `undefined` if nothing is. */
  readonly fault: (report: ProbeReport) => string | undefined;
  readonly found: (report: ProbeReport) => string;
  readonly fix: string;
}

function judgeContainers({ name, fault, found, fix }: ContainerCheck, { reports }: ProveFacts): ProveCheck {
  const all = Object.entries(reports);
  const [first] = all;
  if (!first) return skipped(name, 'no container has reported: see machine');
  for (const [job, report] of all) {
    const wrong = fault(report);
    if (wrong !== undefined) return failed(name, `${wrong} (job ${job})`, fix);
  }
  return ok(name, found(first[1]));
}

/** What the worker must be able to do; the rest of its tries must be denied. */
const NEEDED: ReadonlySet<string> = new Set(['ask for a missing render', 'list renders']);

/** Calls of services that private subnets may not reach, and the outcome then. */
const FAR: ReadonlySet<string> = new Set(['describe job queues']);
const UNAVAILABLE = 'unavailable';

/** How a refused connection ends: the firewall rejects packets, and other firewalls drop them. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
]);

const CONTAINER_CHECKS: readonly ContainerCheck[] = [
  {
    name: 'sandbox',
    fault: ({ sandbox: { off, gaps, landlockAbi, inside } }) => {
      if (off !== undefined) return off;
      const missing = gaps.find((gap) => !gap.startsWith('replaced:'));
      if (missing !== undefined) return missing;
      if (inside['write its own folder'] !== DONE) return `it does not start: ${inside.start ?? 'no answer'}`;
      const broken = ['write another folder', 'open a connection', 'signal the worker'].find(
        (what) => (inside[what] ?? DONE) === DONE,
      );
      if (broken !== undefined) return `a program in it can ${broken}`;
      if (inside.Seccomp !== '2' || inside.NoNewPrivs !== '1' || !/^0+$/.test(inside.CapEff ?? ''))
        return `seccomp ${inside.Seccomp}, no_new_privs ${inside.NoNewPrivs}, capabilities ${inside.CapEff}`;
      return landlockAbi < 1 ? 'the kernel has no Landlock' : undefined;
    },
    found: ({ sandbox: { landlockAbi, gaps } }) =>
      `Landlock ABI ${landlockAbi} and seccomp are in force; ${gaps.length} parts are replaced by others`,
    fix: 'use the newest ECS-optimized AMI, and render no scenes of strangers until then',
  },
  {
    name: 'credentials',
    fault: ({ sandbox: { inside } }) => {
      if ((inside['read the worker environment'] ?? DONE) === DONE)
        return 'Blender can read the environment of the worker';
      const names = inside['credentials in its environment'];
      return names === 'none' ? undefined : `Blender’s environment has ${names ?? 'unknown variables'}`;
    },
    found: () => 'Blender cannot read the worker’s environment, and has no credentials in its own',
    fix: 'render no scenes of strangers until the sandbox is in force; report this to the project',
  },
  {
    name: 'metadata',
    fault: ({ metadata: { url, token, page } }) => {
      const answer = [token, page].find((outcome) => !UNREACHABLE.has(outcome));
      if (answer === undefined) return undefined;
      return answer.startsWith(DONE)
        ? `${url} answers a container (${answer})`
        : `cannot determine whether ${url} answers: ${answer}`;
    },
    found: ({ metadata: { url, token } }) => `${url} refuses containers (${token})`,
    fix: 'the machine’s firewall rule is missing: read /var/log/cloud-init-output.log of the machine',
  },
  {
    name: 'notice',
    fault: ({ notice: { folder, list, write } }) => {
      if (folder === '') return 'the job definition names no file of the Spot notice';
      if (list !== DONE) return `cannot read ${folder}: ${list}`;
      return write === DONE ? `a container can write to ${folder}` : undefined;
    },
    found: ({ notice: { folder, write } }) => `${folder} can be read, and not written (${write})`,
    fix: 'deploy the farm again; the job definition mounts the folder read-only',
  },
  {
    name: 'scratch',
    fault: ({ uid, scratch }) => {
      const { folder } = scratch;
      if (scratch.uid !== uid) return `${folder} belongs to user ${scratch.uid}, and the worker is ${uid}`;
      if (scratch.write !== DONE) return `cannot write to ${folder}: ${scratch.write}`;
      if (scratch.mode !== '700') return `${folder} has the permissions ${scratch.mode}, not 700`;
      if (!scratch.isMount) return `${folder} is no volume of its own`;
      return scratch.foreign > 0 ? `${folder} has ${scratch.foreign} files of others` : undefined;
    },
    found: ({ scratch: { folder } }) => `${folder} is a new volume of the container’s user`,
    fix: 'build the image with container/Dockerfile: its /scratch must belong to the worker',
  },
  {
    name: 'rights',
    fault: ({ rights, role }) => {
      if (role !== UNAVAILABLE && !/:assumed-role\//.test(role))
        return `cannot determine the role of the job: ${role}`;
      // ECS names a session by the task, EC2 by the instance.
      if (/\/i-[0-9a-f]+$/.test(role)) return `the worker has the machine’s role: ${role}`;
      for (const [what, outcome] of Object.entries(rights)) {
        if (NEEDED.has(what) && outcome !== DONE) return `the worker must be able to ${what}: ${outcome}`;
        const isOut = FAR.has(what) && outcome === UNAVAILABLE;
        if (!NEEDED.has(what) && !isOut && outcome !== 'denied')
          return `AWS did not deny the worker to ${what}: ${outcome}`;
      }
      return undefined;
    },
    found: ({ role }) =>
      `${role.split('/')[1] ?? 'the job role'} may do its work, and AWS denies it the rest that was tried`,
    fix: 'compare the policy of the job role with lib/constructs/job-definitions.ts; deploy the farm again',
  },
];

function judgeCache({ reports }: ProveFacts): ProveCheck {
  const name = 'cache';
  const all = Object.values(reports);
  if (all.length === 0) return skipped(name, 'no container has reported: see machine');
  const fix =
    'the machine’s setup did not make the folder: read /var/log/cloud-init-output.log of the machine';
  for (const { cache } of all) {
    if (cache.write !== DONE) return failed(name, `cannot write to ${cache.folder}: ${cache.write}`, fix);
    if (cache.list === DONE || cache.mode !== '1733')
      return failed(name, `${cache.folder} has the permissions ${cache.mode}, not 1733`, fix);
  }
  const { after } = reports;
  const neighbours = Object.keys(reports).filter(
    (job) => job.startsWith('pair-') && after && reports[job]?.bootId === after.bootId,
  );
  if (!after || neighbours.length === 0)
    return skipped(name, 'all jobs could write to it, but ran on different machines: sharing was not seen');
  const unseen = neighbours.find((job) => !after.cache.marks.includes(job));
  if (unseen !== undefined)
    return failed(name, `a job of the same machine does not see what ${unseen} left in it`, fix);
  return ok(name, 'containers of one machine share it, and cannot list it');
}

const SOFTWARE = /llvmpipe|softpipe|swrast/i;

function judgeGpu(facts: ProveFacts): ProveCheck[] {
  const [name, order] = ['gpu', 'gpu-dependency'];
  if (!facts.farm.gpu) {
    const why = 'the farm has no GPU machines (setting gpuVcpus)';
    return [skipped(name, why), skipped(order, why)];
  }
  return [judgeDevice(name, facts), judgeOrder(order, 'gpu', 'after-gpu', facts)];
}

function judgeDevice(name: string, facts: ProveFacts): ProveCheck {
  const report = facts.reports.gpu?.gpu;
  const fix =
    'check the quota for GPU machines, and that the AMI is the ECS-optimized one with NVIDIA’s driver';
  if (!report) return failed(name, jobFault('gpu', facts) ?? 'its probe stored no report', fix);
  if (report.driver !== DONE) return failed(name, `the driver does not answer: ${report.driver}`, fix);
  const usable = report.cycles.filter((device) => /^(OPTIX|CUDA) /.test(device));
  if (usable.length === 0) return failed(name, 'Cycles finds no OptiX and no CUDA device', fix);
  if (SOFTWARE.test(report.eevee)) return failed(name, `EEVEE draws in software: ${report.eevee}`, fix);
  const eevee =
    report.eevee === '' ? 'Blender does not say where EEVEE draws' : `EEVEE draws on ${report.eevee}`;
  return ok(name, `Cycles finds ${usable.join(', ')}; ${eevee}`);
}
