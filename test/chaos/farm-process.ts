// The farm of one round: a local Batch, the submit Lambda's use case before it and the finish Lambda's behind it, in a
// process that may be killed at any moment and be started again. Bundled by run-round.ts. Ends with 0 when the render has
// ended and its message has been sent.
// farm-process TASK.json
import { appendFileSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { messageOf } from '../../core/errors';
import { type RetryStrategy, retryStrategy } from '../../core/jobs/batch';
import { LocalBatch, type LocalJobDefinition } from '../../core/local-batch/local-batch';
import { sweepPartials } from '../../core/storage/file-writes';
import { openStorage } from '../../core/storage/open-storage';
import { deliverEndings } from './deliver-endings';
import { deliverUploads } from './deliver-uploads';
import {
  cacheDirectory,
  type FarmTask,
  JOB_QUEUE,
  messagesFile,
  outputDirectory,
  spotNotice,
  stateDirectory,
} from './round-place';

/** As many as AWS Batch allows: no plan has so many faults, so that giving up is never their sum. */
const ATTEMPTS = 10;

/** Frames take milliseconds. */
const GRACE_SECONDS = 3;

/** Longer than any Blender needs to start on a machine that has other things to do; shorter where one is to hang. */
const HANG_SECONDS = 90;
const SHORT_HANG_SECONDS = 8;

/** Set once it has been asked to stop. */
let stopping: Promise<unknown> | undefined;

async function main(task: FarmTask): Promise<void> {
  const { plan, place } = task;
  const batch = await openBatch(task);
  process.once('SIGTERM', () => {
    stopping = batch.stop().then(() => process.exit(143));
  });
  const services = {
    storage: openStorage(),
    batch,
    notify: async (message: object) => appendFileSync(messagesFile(place), `${JSON.stringify(message)}\n`),
  };
  const submitted = await deliverUploads(task, services);
  await batch.wait(submitted.jobs.render.jobId);
  await batch.wait(submitted.jobs.stitch.jobId);
  await deliverUploads({ ...task, plan: { ...plan, waves: plan.waves.slice(-1) } }, services);
  await deliverEndings(plan, submitted, services);
  await batch.stop();
  await rm(cacheDirectory(place), { recursive: true, force: true });
}

function openBatch(task: FarmTask): Promise<LocalBatch> {
  const { plan, place } = task;
  const definition: LocalJobDefinition = {
    entrypoint: [process.execPath, '--require', place.preload, place.worker],
    retryStrategy: farmStrategy(),
  };
  return LocalBatch.open({
    stateDirectory: stateDirectory(place),
    jobQueue: JOB_QUEUE,
    maxParallel: plan.maxParallel,
    stopTimeoutSeconds: 5,
    jobDefinitions: { render: definition, stitch: definition },
    environment: workerEnvironment(task),
    // As the command line does: no writer is alive.
    tidyUp: async () => void (await sweepPartials(outputDirectory(place))),
  });
}

function workerEnvironment({ plan, place }: FarmTask): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const hangs = Object.values(plan.frameFaults).some(({ fault }) => fault === 'hang');
  return {
    ...Object.fromEntries(inherited),
    SPOTREEL_BLENDER: place.blender,
    SPOTREEL_BLENDER_VERSION: '3.4',
    SPOTREEL_THREADS: '1',
    SPOTREEL_LIFELINE: 'stdin',
    SPOTREEL_STOP_SECONDS: String(GRACE_SECONDS),
    SPOTREEL_SPOT_NOTICE: spotNotice(place),
    SPOTREEL_HANG_SECONDS: String(hangs ? SHORT_HANG_SECONDS : HANG_SECONDS),
    // The fake writes its log where Blender may not.
    ...(plan.blender === 'fake' && { SPOTREEL_SANDBOX: 'off' }),
    ...(plan.cached && { SPOTREEL_CACHE: cacheDirectory(place) }),
  };
}

/**
 * The farm's own. A machine here is a process, and where AWS Batch says "Host EC2 … terminated" of one that was reclaimed,
 * the local Batch says 137, which on the farm is out of memory and final.
 */
function farmStrategy(): RetryStrategy {
  const { attempts, evaluateOnExit = [] } = retryStrategy(ATTEMPTS);
  return {
    attempts,
    evaluateOnExit: evaluateOnExit.map((rule) =>
      rule.onStatusReason?.startsWith('Host EC2') ? { action: rule.action, onExitCode: '137' } : rule,
    ),
  };
}

main(JSON.parse(readFileSync(process.argv[2]!, 'utf8'))).then(
  () => process.exit(0),
  async (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    // A process that is being stopped ends once everything has stopped.
    await stopping;
    process.exit(1);
  },
);
