import { randomUUID } from 'node:crypto';
import { messageOf } from '../../core/errors';
import type { Batch } from '../../core/jobs/batch';
import { submitRender, type SubmittedRender } from '../../core/jobs/submit';
import type { RenderJobs } from '../../core/render/records';
import { Render } from '../../core/render/render';
import { childUrl, fileUrl, keyUrl, type Storage } from '../../core/storage/storage';
import { createLogger } from '../../lambda/environment';
import type { Notify } from '../../lambda/report-status';
import { processRecord, submitUpload } from '../../lambda/submit-render/submit-upload';
import { objectCreated, sqsRecord } from '../support/aws-events';
import { FaultyProcess } from '../support/faulty-calls';
import { randomOf } from '../support/random';
import { seenFromAfar } from './remote-batch';
import {
  type FarmTask,
  framesWish,
  JOB_QUEUE,
  outputDirectory,
  RENDER_NAME,
  resolutionPercent,
  SCENE_KEY,
  scenePath,
} from './round-place';
import type { PlannedDelivery } from './round-plan';

export interface UploadServices {
  readonly storage: Storage;
  readonly batch: Batch;
  readonly notify: Notify;
}

/** Longer than any run of the Lambda, and than AWS Batch takes to list a job. */
const STALE_SECONDS = 500;

/** Between two waves: all runs of the previous one have ended. */
const WAVE_SECONDS = 2 * STALE_SECONDS;

/** More than all waves of one process together. */
const RESTART_SECONDS = 100 * WAVE_SECONDS;

/** SQS gives a message up in the end. */
const MOST_WAVES = 20;

/**
 * Delivers the upload's event to the submit Lambda's use case as the plan says, and then until it is accepted. Gives the
 * submitted jobs. Throws what storage throws, and an `Error` for a wrong answer.
 */
export async function deliverUploads(task: FarmTask, services: UploadServices): Promise<SubmittedRender> {
  const { plan } = task;
  const submit = plan.storage === 's3' ? s3Submission(task, services) : folderSubmission(task, services);
  const taken: RenderIdAndJobs[] = [];
  for (let wave = 0; wave < plan.waves.length || taken.length === 0; wave += 1) {
    if (wave === MOST_WAVES) throw new Error(`no event was taken in ${MOST_WAVES} waves`);
    const at = wave * WAVE_SECONDS + task.restarts * RESTART_SECONDS;
    const now = (): Date => new Date(Date.now() + at * 1000);
    const deliveries = plan.waves[wave] ?? [SMOOTH];
    const answers = await Promise.all(deliveries.map((delivery) => submit(delivery, now)));
    taken.push(...answers.filter((answer) => answer !== undefined));
  }
  const pairs = new Set(
    taken.map(({ renderId, jobs }) => [renderId, jobs.render.jobId, jobs.stitch.jobId].join()),
  );
  if (pairs.size > 1)
    throw new Error(`the same upload was answered with several pairs: ${[...pairs].join(' | ')}`);
  const { renderId, jobs } = taken[0]!;
  const render = Render.at(outputUrl(task), renderId, services.storage);
  return { render, manifest: await render.manifest.require(), jobs };
}

interface RenderIdAndJobs {
  readonly renderId: string;
  readonly jobs: RenderJobs;
}

const SMOOTH: PlannedDelivery = {
  outdated: false,
  faultAt: 0,
  fault: 'fails',
  lateAnswers: false,
  pauses: 0,
};

/** Nothing when the event is to be delivered again, or started nothing. */
type Submission = (delivery: PlannedDelivery, now: () => Date) => Promise<RenderIdAndJobs | undefined>;

/** The services as one run of the Lambda sees them. */
function seenBy(
  { faultAt, fault, lateAnswers, pauses }: PlannedDelivery,
  { storage, batch, notify }: UploadServices,
  { plan }: FarmTask,
) {
  const process = new FaultyProcess(faultAt, fault);
  const random = randomOf(pauses);
  return {
    storage: process.see(storage),
    batch: process.see(seenFromAfar(batch, { random, lateAnswers })),
    notify,
    jobQueue: JOB_QUEUE,
    parallel: plan.maxParallel,
    renderDefinitions: [{ jobDefinition: 'render' }],
    stitchDefinition: 'stitch',
  };
}

/** As the Lambda does it. */
function s3Submission(task: FarmTask, services: UploadServices): Submission {
  const bucket = keyUrl('s3:', task.place.bucket, '');
  const log = createLogger((line) => process.stderr.write(`${line}\n`));
  return async (delivery, now) => {
    const { etag } = await sceneOf(childUrl(bucket, SCENE_KEY), services.storage);
    const event = { bucket: bucket.host, key: SCENE_KEY, etag: delivery.outdated ? 'e'.repeat(32) : etag };
    const claim = { owner: randomUUID(), staleAfterSeconds: STALE_SECONDS };
    const rest = {
      bucket,
      output: outputUrl(task),
      region: 'us-east-1',
      now,
      claim,
    };
    let answer: RenderIdAndJobs | undefined;
    await processRecord(
      sqsRecord(objectCreated(event), claim.owner),
      async (upload) => {
        const { batch, ...seen } = seenBy(delivery, services, task);
        const outcome = await submitUpload(upload, { ...seen, ...rest, loadBatch: async () => batch });
        if (outcome.outcome === 'submitted') answer = outcome;
        const wanted = delivery.outdated ? 'outdated' : 'submitted';
        if (outcome.outcome !== wanted)
          throw new Error(`an event was answered with "${outcome.outcome}", not "${wanted}"`);
        return outcome;
      },
      { log, deliverAgainAfter: async () => undefined, claimSeconds: STALE_SECONDS },
    );
    return answer;
  };
}

/** As the command line does it, under the local Batch's lock and so without a claim. */
function folderSubmission(task: FarmTask, services: UploadServices): Submission {
  const { plan, place } = task;
  let before: Promise<unknown> = Promise.resolve();
  const submit = async (delivery: PlannedDelivery, now: () => Date): Promise<RenderIdAndJobs | undefined> => {
    const source = await sceneOf(fileUrl(scenePath(place)), services.storage);
    const options = {
      frames: framesWish(plan),
      framesPerSlice: plan.framesPerSlice,
      resolutionPercent: resolutionPercent(plan),
    };
    const request = {
      source,
      output: outputUrl(task),
      options,
      name: RENDER_NAME,
      reuse: 'any',
    } as const;
    const seen = { ...seenBy(delivery, services, task), now, place: 'here' } as const;
    try {
      const { manifest, jobs } = await submitRender(request, seen);
      return { renderId: manifest.renderId, jobs };
    } catch (error) {
      process.stderr.write(`${messageOf(error)}\n`);
      return undefined;
    }
  };
  // One after the other: the lock is exclusive.
  return async (delivery, now) => {
    const turn = before.then(() => submit(delivery, now));
    before = turn.catch(() => undefined);
    return turn;
  };
}

async function sceneOf(url: URL, storage: Storage) {
  const head = await storage.head(url);
  if (!head) throw new Error(`the scene ${url.href} is gone`);
  return head;
}

export function outputUrl({ plan, place }: FarmTask): URL {
  return plan.storage === 's3'
    ? childUrl(keyUrl('s3:', place.bucket, ''), 'renders/')
    : fileUrl(`${outputDirectory(place)}/`);
}
