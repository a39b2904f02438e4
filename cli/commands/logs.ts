import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { codeOf, SpotreelError } from '../../core/errors';
import { PeekedBatch } from '../../core/local-batch/journal';
import { findLockHolder } from '../../core/local-batch/lock';
import type { LoggedRender, WantedLogs } from '../../core/logs/choose-logs';
import { FileJobLogs, type JobLogs } from '../../core/logs/job-logs';
import type { LogServices } from '../../core/logs/read-logs';
import type { Render } from '../../core/render/render';
import { lookHere } from '../../core/status/facts';
import { newestRender } from '../../core/status/list';
import { openStorage } from '../../core/storage/open-storage';
import { explain, type Run, wholeNumber, withOptionalRenderId, withPlaceOptions } from '../help';
import { type LogFormat, LogPrinter, showLogs } from '../logs/show-logs';
import { listenForStop } from '../output';
import { findFolder, findPlace, type Place, type PlaceFlags } from '../place';

interface LogsFlags extends PlaceFlags, WantedLogs {
  readonly attempt?: number;
  readonly follow?: boolean;
  readonly raw?: boolean;
  readonly json?: boolean;
}

/** Throttled calls are repeated with growing pauses. */
const AWS_CLIENT = {
  maxAttempts: 6,
  requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 },
};

/** `spotreel logs [renderId]`. Returns the exit code. */
export async function logsCommand(renderId: string | undefined, flags: LogsFlags): Promise<number> {
  const stop = new AbortController();
  const stopping = listenForStop(stop);
  const printer = new LogPrinter(formatOf(flags), process.stdout, process.stderr);
  try {
    const storage = openStorage();
    const place = await findPlace(flags, AWS_CLIENT);
    const id = renderId ?? (await newestRender(place.output, storage)) ?? '';
    const { render, manifest, fault } = await findFolder(id, place, storage);
    // Only the plan maps frames to slices, and in a bucket only the plan has the number of slices.
    if (fault && (flags.frame !== undefined || render.folder.protocol !== 'file:')) throw fault;
    if (fault) printer.say(`note: ${fault.message}`);
    const findRenderNow = async (): Promise<LoggedRender> => {
      const { sliceCount, ...found } = await findJobs(render);
      return { manifest: manifest ?? { renderId: id, frames: [], framesPerSlice: 1, sliceCount }, ...found };
    };
    const services = await servicesOf(place, render, stop.signal);
    const work = showLogs(findRenderNow, flags, services, printer);
    const shown = await Promise.race([work, stopped(stop.signal), printer.closed]);
    if (shown !== undefined) return shown ? 0 : 1;
    const who = place.batch ? 'the farm continues' : 'the render continues';
    if (stopping.exitCode() !== 0) process.stderr.write(`stopped; ${who}\n`);
    // A late call would only delay the end of the process.
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

/** The newest pair of jobs, and the job that makes a video of incomplete frames; only farms store its id. */
async function findJobs(render: Render) {
  const noted = await render.jobs.readIfValid();
  const here = render.folder.protocol === 'file:' ? lookHere({ render, jobs: noted }) : undefined;
  const jobs = noted ?? here?.foundJobs;
  if (!jobs) {
    const message = `jobs.json is missing in ${render.location}: the render has not started yet`;
    throw new SpotreelError('no-jobs', 'passing', message);
  }
  const sliceCount = here?.render?.arrayProperties?.size ?? 1;
  // Without the plan of a retry, earlier jobs are unknown.
  const retries = await render.retries(jobs.retry?.number ?? 0).catch((error: unknown) => {
    if (codeOf(error) === 'bad-retry' || codeOf(error) === 'not-found') return [];
    throw error;
  });
  if (here) return { jobs, retries, sliceCount, salvage: here.salvage?.jobId };
  const salvage = await render.salvage.readIfValid();
  return {
    jobs,
    retries,
    sliceCount,
    salvage: salvage?.renderJob === jobs.render.jobId ? salvage.jobId : undefined,
  };
}

async function servicesOf({ batch, farm }: Place, render: Render, signal: AbortSignal): Promise<LogServices> {
  const usual = {
    pause: (seconds: number) => sleep(seconds * 1000, undefined, { signal }),
    now: Date.now,
    farmGroup: farm?.logGroup,
  };
  if (batch) return { ...usual, batch, logs: await awsLogs(), isAttended: () => true };
  const directory = render.localBatchFolder;
  return {
    ...usual,
    batch: new PeekedBatch(directory),
    logs: new FileJobLogs(directory),
    isAttended: () => findLockHolder(directory) !== undefined,
  };
}

/** Loaded only if needed. */
async function awsLogs(): Promise<JobLogs> {
  const [{ CloudWatchLogsClient }, { AwsJobLogs }] = await Promise.all([
    import('@aws-sdk/client-cloudwatch-logs'),
    import('../../core/logs/aws-job-logs'),
  ]);
  return new AwsJobLogs(new CloudWatchLogsClient(AWS_CLIENT));
}

export function addLogs(command: Command, run: Run): void {
  withOptionalRenderId(command)
    .addOption(
      new Option('--frame <n>', 'log of this frame').argParser(integer).conflicts(['slice', 'stitch']),
    )
    .addOption(new Option('--slice <n>', 'log of this slice').argParser(index).conflicts('stitch'))
    .option('--stitch', 'log of the job that makes the video')
    .option('--attempt <k>', 'log of this attempt; 1 is the first', wholeNumber)
    .option(
      '--job <k>',
      'log of this job, if several rendered the frame or slice or made the video; 1 is the first',
      wholeNumber,
    )
    .option('--follow', 'continue until the job ends, through all of its attempts')
    .addOption(new Option('--raw', 'print lines as they were written').conflicts('json'))
    .option('--json', 'print one JSON object per line')
    .action((renderId: string | undefined, flags: LogsFlags) =>
      run(async () => logsCommand(renderId, flags)),
    );
  explain(withPlaceOptions(command), {
    notes:
      'Without --frame, --slice or --stitch, logs shows the first failed slices, else the running job, else the ' +
      'last job. That job checks the frames and makes the video. With --follow, a running job comes first. ' +
      'Slices have the numbers of their reports, slices/N.json. ' +
      'Logs shows the last attempt, and for a frame all attempts. A retry is another job; logs shows the last job. ' +
      'Standard error names the log and how that attempt ended.',
    exitCodes: [
      [0, 'shown'],
      [1, 'the log does not exist yet, has expired, or could not be read'],
      [2, 'wrong usage'],
      [130, 'interrupted; the render continues'],
    ],
    examples: [
      'spotreel logs',
      'spotreel logs shot-1a2b3c4d --frame 12',
      'spotreel logs shot-1a2b3c4d --slice 3 --follow',
      'spotreel logs shot-1a2b3c4d --slice 3 --job 1   the log before a retry',
      "spotreel logs shot-1a2b3c4d --stitch --json | jq -r '.message'",
    ],
  });
}

function integer(text: string): number {
  if (!/^-?\d{1,7}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function index(text: string): number {
  const value = integer(text);
  if (value < 0) throw new InvalidArgumentError('It must be a whole number of 0 or more.');
  return value;
}
