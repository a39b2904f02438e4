import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJobs } from '../../core/batch/ensure-jobs';
import { findLockHolder } from '../../core/batch/local/lock';
import { PeekedBatch } from '../../core/batch/local/peeked-batch';
import { salvageUrl } from '../../core/contract/keys';
import { salvageSchema } from '../../core/contract/salvage';
import { codeOf, SpotreelError } from '../../core/errors';
import type { LoggedRender, WantedLogs } from '../../core/logs/choose-logs';
import { FileJobLogs } from '../../core/logs/file-job-logs';
import type { JobLogs } from '../../core/logs/job-logs';
import type { LogServices } from '../../core/logs/read-logs';
import { newestRender } from '../../core/render-state/list-renders';
import { lookHere } from '../../core/render-state/seen-jobs';
import { filePath, formatLocation } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import { readRecord } from '../../core/storage/read-record';
import { readRetryPlans } from '../../core/storage/read-retries';
import type { Storage } from '../../core/storage/storage';
import { LogPrinter, type LogFormat } from '../logs/log-printer';
import { showLogs } from '../logs/show-logs';
import { findFolder, findPlace, type Place, type PlaceFlags } from '../place';
import { listenForStop } from '../stop-signals';

export interface LogsFlags extends PlaceFlags, WantedLogs {
  readonly attempt?: number;
  readonly follow?: boolean;
  readonly raw?: boolean;
  readonly json?: boolean;
}

/** Throttled calls are sent again, each time after a longer wait. */
const AWS_CLIENT = {
  maxAttempts: 6,
  requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 },
};

/** `spotreel logs [renderId]`. Gives the exit code. */
export async function logsCommand(renderId: string | undefined, flags: LogsFlags): Promise<number> {
  const stop = new AbortController();
  const stopping = listenForStop(stop);
  const printer = new LogPrinter(formatOf(flags), process.stdout, process.stderr);
  try {
    const storage = openStorage();
    const place = await findPlace(flags, AWS_CLIENT);
    const id = renderId ?? (await newestRender(place.output, storage)) ?? '';
    const { folder, manifest, fault } = await findFolder(id, place, storage);
    // Which slice renders a frame is in the plan alone; in a bucket so is how many slices there are.
    if (fault && (flags.frame !== undefined || folder.protocol !== 'file:')) throw fault;
    if (fault) printer.say(`note: ${fault.message}`);
    const findRenderNow = async (): Promise<LoggedRender> => {
      const { sliceCount, ...found } = await findJobs(id, folder, storage);
      return { manifest: manifest ?? { renderId: id, frames: [], framesPerSlice: 1, sliceCount }, ...found };
    };
    const services = await servicesOf(place, folder, stop.signal);
    const work = showLogs(findRenderNow, flags, services, printer);
    const shown = await Promise.race([work, stopped(stop.signal), printer.closed]);
    if (shown !== undefined) return shown ? 0 : 1;
    const who = place.batch ? 'the farm goes on' : 'what renders goes on';
    if (stopping.exitCode() !== 0) process.stderr.write(`stopped; ${who}\n`);
    // A call that is late would hold the process up, and nobody wants its answer any more.
    return process.exit(stopping.exitCode());
  } finally {
    stop.abort();
    stopping.release();
  }
}

function formatOf({ raw, json }: LogsFlags): LogFormat {
  if (raw) return 'raw';
  return json ? 'json' : 'words';
}

function stopped(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** The newest pair of jobs, and the one that makes a video of what there is, which is noted on a farm alone. */
async function findJobs(renderId: string, folder: URL, storage: Storage) {
  const noted = await readJobs(folder, storage);
  const here = folder.protocol === 'file:' ? lookHere({ renderId, folder, jobs: noted }) : undefined;
  const jobs = noted ?? here?.foundJobs;
  if (!jobs) {
    const message = `no jobs are noted in ${formatLocation(folder)} (jobs.json): nothing of it has run yet`;
    throw new SpotreelError('no-jobs', 'passing', message);
  }
  const sliceCount = here?.render?.arrayProperties?.size ?? 1;
  // Without the plan of a retry the jobs before it are unknown.
  const retries = await readRetryPlans(folder, jobs.retry?.number ?? 0, storage).catch((error: unknown) => {
    if (codeOf(error) === 'bad-retry' || codeOf(error) === 'not-found') return [];
    throw error;
  });
  if (here) return { jobs, retries, sliceCount, salvage: here.salvage?.jobId };
  const salvage = await readRecord(salvageSchema, salvageUrl(folder), storage);
  return {
    jobs,
    retries,
    sliceCount,
    salvage: salvage?.renderJob === jobs.render.jobId ? salvage.jobId : undefined,
  };
}

async function servicesOf({ batch, farm }: Place, folder: URL, signal: AbortSignal): Promise<LogServices> {
  const usual = {
    pause: (seconds: number) => sleep(seconds * 1000, undefined, { signal }),
    now: Date.now,
    farmGroup: farm?.logGroup,
  };
  if (batch) return { ...usual, batch, logs: await awsLogs(), isAttended: () => true };
  const directory = join(filePath(folder), '.batch');
  return {
    ...usual,
    batch: new PeekedBatch(directory),
    logs: new FileJobLogs(directory),
    isAttended: () => findLockHolder(directory) !== undefined,
  };
}

/** Loaded once it is needed. */
async function awsLogs(): Promise<JobLogs> {
  const [{ CloudWatchLogsClient }, { AwsJobLogs }] = await Promise.all([
    import('@aws-sdk/client-cloudwatch-logs'),
    import('../../core/logs/aws-job-logs'),
  ]);
  return new AwsJobLogs(new CloudWatchLogsClient(AWS_CLIENT));
}
