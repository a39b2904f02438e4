import type { JobDetail } from '../batch/batch';

/** A machine takes some minutes to come: EC2 starts it, and it pulls the image. Before that, waiting means nothing. */
const USUAL_WAIT_SECONDS = 5 * 60;

/**
 * What AWS Batch writes into the status reason of the RUNNABLE job that holds up a queue, by the documentation:
 * https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
 */
const REASONS: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /^CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY/,
    'the zones have no Spot machines of these types now: it goes on by itself when they have; more instanceTypes or zones: 3 help',
  ],
  [
    /^MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE/,
    'the compute environment may not have as many vCPUs as one slice asks for: deploy with spotVcpus above renderVcpus',
  ],
  [
    /^MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT/,
    'no machine of the allowed types is as large as a slice asks for: lower renderMemoryMib or renderVcpus, or allow larger instanceTypes',
  ],
  [
    /^MISCONFIGURATION:(SERVICE_ROLE_PERMISSIONS|EC2_INSTANCE_CONFIGURATION_UNSUPPORTED)/,
    'the compute environment is misconfigured: deploy the farm again',
  ],
  [
    /^ACTION_REQUIRED/,
    'the compute environment is not valid: the Batch console says why; deploy the farm again',
  ],
];

/**
 * Where AWS Batch gives no reason, the usual ones, by the documentation:
 * https://docs.aws.amazon.com/batch/latest/userguide/troubleshooting.html
 */
const USUAL: readonly string[] = [
  'machines are busy with other renders: they take turns',
  'the quota "All Standard Spot Instance Requests" (Service Quotas > EC2; of GPUs "All G and VT Spot Instance Requests", of On-Demand machines "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances") is below what a slice asks for',
  'the zones have no Spot machines of these types now',
  'the compute environment is disabled or not valid: the Batch console says so',
  'machines start but can’t reach ECS or pull the image',
];

/** What AWS Batch says of the first of these jobs that waits for a machine and of which it says anything. */
export function waitingReason(jobs: readonly JobDetail[]): string | undefined {
  return jobs.find(({ status, statusReason }) => status === 'RUNNABLE' && statusReason)?.statusReason;
}

/** What a status reason means, and what to do about it; `undefined` for one that is not known, and without any. Pure. */
export function knownReason(statusReason: string | undefined): string | undefined {
  if (statusReason === undefined) return undefined;
  return REASONS.find(([pattern]) => pattern.test(statusReason))?.[1];
}

/** What may keep jobs waiting that have waited for so many seconds; nothing while that is usual. Pure. */
export function waitingHints(seconds: number, statusReason: string | undefined): readonly string[] {
  const known = knownReason(statusReason);
  if (known !== undefined) return [known];
  return seconds < USUAL_WAIT_SECONDS ? [] : USUAL;
}
