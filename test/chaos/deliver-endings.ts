import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, SpotreelError } from '../../core/errors';
import type { Batch, JobDetail } from '../../core/jobs/batch';
import { jobRequests } from '../../core/jobs/pair';
import type { SubmittedRender } from '../../core/jobs/submit';
import type { Storage } from '../../core/storage/storage';
import { parseJobStateChange } from '../../lambda/finish-render/ended-job';
import { finishRender } from '../../lambda/finish-render/finish-render';
import type { Notify } from '../../lambda/report-status';
import { jobStateChange } from '../support/aws-events';
import { randomOf } from '../support/random';
import { JOB_QUEUE } from './round-place';
import type { RoundPlan } from './round-plan';

/** Runs of the Lambda for one event that fail in passing before something is wrong. */
const MOST_RUNS = 20;

/**
 * Delivers AWS Batch's events of ended jobs to the finish Lambda's use case: each event as often as the plan says, all at
 * the same moment or in any order, each until it is accepted. Throws if one never is.
 */
export async function deliverEndings(
  plan: RoundPlan,
  submitted: SubmittedRender,
  { storage, batch, notify }: { readonly storage: Storage; readonly batch: Batch; readonly notify: Notify },
): Promise<void> {
  const random = randomOf(plan.seed + 1);
  const output = submitted.render.output;
  const services = { storage, notify, output, region: 'us-east-1', now: () => new Date() };
  const events = await endingsOf(submitted, batch);
  const deliveries = Array.from({ length: plan.endings }, () => events)
    .flat()
    .map((event) => ({ event, place: random() }))
    .toSorted((a, b) => a.place - b.place);
  const atOnce = random() < 0.5;
  let before: Promise<unknown> = Promise.resolve();
  await Promise.all(
    deliveries.map(({ event }) => {
      const run = () => untilTaken(() => finishRender(parseJobStateChange(event), services));
      const turn = atOnce ? run() : before.then(run);
      before = turn;
      return turn;
    }),
  );
}

async function untilTaken(run: () => Promise<unknown>): Promise<void> {
  for (let runs = 1; ; runs += 1) {
    try {
      await run();
      return;
    } catch (error) {
      if (!(error instanceof SpotreelError) || error.kind !== 'passing' || runs === MOST_RUNS) throw error;
      process.stderr.write(`${messageOf(error)}\n`);
      await sleep(10);
    }
  }
}

/** The two jobs and, to be ignored, the first child. */
async function endingsOf({ render, manifest, jobs }: SubmittedRender, batch: Batch): Promise<unknown[]> {
  const targets = {
    render: { jobQueue: JOB_QUEUE, jobDefinition: 'render' },
    stitch: { jobQueue: JOB_QUEUE, jobDefinition: 'stitch' },
  };
  const requests = jobRequests(render, manifest, targets);
  const { jobId } = jobs.render;
  const details = await batch.describeJobs([jobId, `${jobId}:0`, jobs.stitch.jobId]);
  return details.map((detail) => {
    const isStitch = detail.jobId === jobs.stitch.jobId;
    const request = isStitch ? requests.stitch(jobId) : requests.render;
    return endingOf(detail, request.containerOverrides?.command ?? []);
  });
}

function endingOf(detail: JobDetail, command: readonly string[]): unknown {
  const { jobId, jobName, status, statusReason, createdAt, arrayProperties } = detail;
  return jobStateChange({
    jobId,
    jobName,
    status,
    ...(statusReason !== undefined && { statusReason }),
    createdAt,
    ...(arrayProperties && { arrayProperties }),
    container: { command, ...detail.attempts?.at(-1)?.container },
  });
}
