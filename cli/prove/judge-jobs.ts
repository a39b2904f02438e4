import { isEnded } from '../../core/jobs/batch';
import { EXIT } from '../../core/jobs/worker';
import { unanswered } from '../doctor/check';
import type { FramesFacts, ProveCheck, ProveFacts, SeenJob } from './facts';
import { CHILDREN } from './plan';

export const ok = (name: string, found: string): ProveCheck => ({ name, state: 'ok', found });
export const skipped = (name: string, found: string): ProveCheck => ({ name, state: 'skipped', found });
export const failed = (name: string, found: string, fix: string): ProveCheck => ({
  name,
  state: 'failed',
  found,
  fix,
});

/** Why a job has not succeeded; `undefined` for one that has. Pure. */
export function jobFault(key: string, { jobs, refused, minutes }: ProveFacts): string | undefined {
  if (refused[key] !== undefined) return refused[key];
  return faultOf(jobs[key], minutes);
}

function faultOf(seen: SeenJob | undefined, minutes: number): string | undefined {
  if (!seen) return 'AWS Batch does not know the job';
  const { job, children } = seen;
  if (job.status === 'SUCCEEDED') return undefined;
  if (!isEnded(job.status)) return `the job ${job.jobName} is still ${job.status} after ${minutes} minutes`;
  const broken = children.find(({ status }) => status === 'FAILED') ?? job;
  const last = broken.attempts?.at(-1);
  const reasons = [last?.container?.reason, last?.statusReason, broken.statusReason, job.statusReason];
  const code = last?.container?.exitCode;
  const why = reasons.find(Boolean) ?? 'without a reason';
  return `the job ${job.jobName} failed: ${why}${code === undefined ? '' : ` (exit code ${code})`}`;
}

const LOGS = 'read the job’s log in the AWS Batch console';

/** Checks of AWS Batch, the triggers, the frames and the alarms. Pure. */
export function judgeJobs(facts: ProveFacts): ProveCheck[] {
  return [
    judgeUpload(facts),
    judgeFinish(facts),
    judgeArray(facts),
    judgeDependency(facts),
    judgeRetry(facts),
    judgeCancel(facts),
    judgeFrames('cycles', facts.cycles, { mean: 0.2, max: 8 }),
    judgeFrames('eevee', facts.eevee, { mean: 0.4, max: 32 }),
    judgeAlarms(facts),
  ];
}

function judgeUpload({ upload, minutes }: ProveFacts): ProveCheck {
  const name = 'upload';
  const { fault, folder, render, status } = upload;
  if (fault !== undefined) return failed(name, fault, 'check the policy of these credentials for the bucket');
  if (status?.state === 'refused')
    return failed(
      name,
      `the farm refused it: ${status.reason ?? 'no reason'}`,
      'read the log of submit-render',
    );
  if (folder !== undefined && render) return ok(name, 'the upload became a render of two slices');
  const fix =
    'wait some minutes after the first deployment, then look at the log of the Lambda submit-render';
  return failed(name, `no render came of the upload in ${minutes} minutes`, fix);
}

function judgeFinish({ upload, minutes }: ProveFacts): ProveCheck {
  const name = 'finish';
  const { render, stitch, status } = upload;
  if (!render || !stitch) return skipped(name, 'there is no render: see upload');
  const fix = 'look at the log of the Lambda finish-render';
  if (status && status.state !== 'complete')
    return failed(name, `the render is ${status.state}: ${status.reason ?? 'no reason'}`, LOGS);
  if (status?.notifiedAt !== undefined) return ok(name, 'the render is complete, and the farm reported it');
  const fault = faultOf(render, minutes) ?? faultOf(stitch, minutes);
  return failed(name, fault ?? 'the render ended, and the farm did not report it', fault ? LOGS : fix);
}

function judgeArray(facts: ProveFacts): ProveCheck {
  const name = 'array';
  const fault = jobFault('pair', facts);
  if (fault !== undefined) return failed(name, fault, LOGS);
  const arrays = [facts.jobs.pair, facts.upload.render].filter((seen) => seen !== undefined);
  const wrong = arrays.find(
    ({ job, children }) =>
      job.arrayProperties?.size !== CHILDREN ||
      children.length !== CHILDREN ||
      children.some(({ status }) => status !== 'SUCCEEDED'),
  );
  if (wrong) return failed(name, `not all children of ${wrong.job.jobName} succeeded`, LOGS);
  const named = ['pair-0', 'pair-1'].every((report) => facts.reports[report] !== undefined);
  if (!named) return failed(name, 'a child did not report with its own index', LOGS);
  return ok(name, `${arrays.length} array jobs: each child ran with its own index`);
}

function judgeDependency(facts: ProveFacts): ProveCheck {
  return judgeOrder('dependency', 'pair', 'after', facts);
}

/** Whether the job `second` began after the end of the job `first`, which it depends on. Pure. */
export function judgeOrder(name: string, first: string, second: string, facts: ProveFacts): ProveCheck {
  const before = jobFault(first, facts);
  if (before !== undefined) return skipped(name, `the first job did not succeed: ${before}`);
  const fault = jobFault(second, facts);
  if (fault !== undefined) return failed(name, fault, LOGS);
  const end = endOf(facts.jobs[first]!);
  const start = facts.jobs[second]!.job.startedAt ?? 0;
  if (start < end)
    return failed(
      name,
      'a job began before the end of the job that it depends on',
      'report this to the project',
    );
  return ok(name, 'a job waited for the job that it depends on');
}

function endOf({ job, children }: SeenJob): number {
  return Math.max(...[job, ...children].map(({ stoppedAt = 0 }) => stoppedAt));
}

function judgeRetry(facts: ProveFacts): ProveCheck {
  const name = 'retry';
  const child = facts.jobs.pair?.children.find(({ arrayProperties }) => arrayProperties?.index === 0);
  const fault = facts.refused.pair ?? (child ? undefined : faultOf(facts.jobs.pair, facts.minutes));
  if (!child || fault !== undefined) return failed(name, fault ?? 'AWS Batch shows no first child', LOGS);
  const codes = (child.attempts ?? []).map(({ container }) => container?.exitCode);
  const wanted = EXIT.passing.code;
  if (codes[0] !== wanted) return failed(name, describeCodes(codes, `not ${wanted} first`), LOGS);
  const single = facts.attempts === 1 ? '; slices have 1 attempt, by the setting attempts' : '';
  const second = (facts.reports['pair-0']?.attempt ?? 0) >= 2;
  if (child.status === 'SUCCEEDED' && second)
    return ok(name, `an attempt ended with exit code ${wanted}, and the next one succeeded${single}`);
  const fix =
    facts.attempts === undefined
      ? 'deploy the farm with the setting attempts at 2 or more; see the retry strategy in core/jobs/batch.ts'
      : 'compare the retry strategy of the job definition with core/jobs/batch.ts; deploy the farm again';
  return failed(name, describeCodes(codes, 'and no later attempt succeeded'), fix);
}

function describeCodes(codes: ReadonlyArray<number | undefined>, remark: string): string {
  return `the exit codes are ${codes.map((code) => code ?? 'none').join(', ') || 'unknown'}, ${remark}`;
}

function judgeCancel({ jobs, refused, minutes, stopped: notes, cancelReason }: ProveFacts): ProveCheck {
  const name = 'cancel';
  const seen = jobs.held;
  if (!seen) return failed(name, refused.held ?? 'AWS Batch does not know the job', LOGS);
  if (cancelReason === undefined)
    return failed(name, `the jobs to cancel did not run in ${minutes} minutes: ${seen.job.status}`, LOGS);
  const living = [seen.job, ...seen.children].find(({ status }) => !isEnded(status));
  const fix = 'use the AWS console to stop jobs, and report this to the project';
  if (living) return failed(name, `a terminated job is still ${living.status} after ${minutes} minutes`, fix);
  const { statusReason = '' } = seen.job;
  if (seen.job.status !== 'FAILED' || statusReason !== cancelReason) {
    const found = `the terminated array job is ${seen.job.status} with the reason "${statusReason}", not "${cancelReason}"`;
    return failed(
      name,
      found,
      'messages about stopped renders may lack their reason; report this to the project',
    );
  }
  if (notes.length < CHILDREN)
    return failed(name, `${notes.length} of ${CHILDREN} workers noticed that they were stopped`, LOGS);
  return ok(name, 'a running array job ended with the given reason, and its workers noticed');
}

/** The tolerance is that of other processors and drivers; a check that needs it says so. */
function judgeFrames(name: string, facts: FramesFacts, tolerance: { mean: number; max: number }): ProveCheck {
  if ('skipped' in facts) return skipped(name, facts.skipped);
  if ('fault' in facts) return failed(name, facts.fault, LOGS);
  const worst = facts.compared.toSorted((a, b) => b.difference.mean - a.difference.mean)[0];
  if (!worst) return failed(name, 'no frame was compared', LOGS);
  const { values, max, mean } = worst.difference;
  if (values === 0) return ok(name, 'the pixels equal those rendered here');
  const found = `frame ${worst.frame} differs from the one rendered here by up to ${max} of 255, ${mean.toFixed(3)} on average`;
  if (max <= tolerance.max && mean <= tolerance.mean)
    return ok(name, `${found}: within tolerance, not equal`);
  return failed(name, found, 'compare both pictures; the processors, drivers or images differ');
}

/** Alarms of a farm: see `lib/constructs/monitoring.ts`. */
const LEAST_ALARMS = 5;

function judgeAlarms({ alarms, farm }: ProveFacts): ProveCheck {
  const name = 'alarms';
  if (!('value' in alarms)) {
    const { found, fix = '' } = unanswered(name, alarms);
    return failed(name, found, fix);
  }
  const count = alarms.value.length;
  const fix = `deploy the farm again; the alarms of ${farm.topicArn} are in CloudWatch`;
  if (count < LEAST_ALARMS) return failed(name, `${count} of ${LEAST_ALARMS} alarms exist`, fix);
  const off = alarms.value.filter(({ actionsEnabled }) => !actionsEnabled).map((alarm) => alarm.name);
  if (off.length > 0)
    return failed(name, `these alarms notify no one: ${off.join(', ')}`, 'enable their actions');
  const ringing = alarms.value.filter(({ state }) => state === 'ALARM').map((alarm) => alarm.name);
  const now = ringing.length > 0 ? `; in alarm now: ${ringing.join(', ')}` : '';
  return ok(name, `${count} alarms notify the farm’s topic${now}`);
}
