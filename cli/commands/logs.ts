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
import { explain, type Run, wholeNumber, withPlaceOptions } from '../help';
import { type LogFormat, LogPrinter, showLogs } from '../logs/show-logs';
import { listenForStop } from '../output';
import { findFolder, findPlace, type Place, type PlaceFlags } from '../place';

interface LogsFlags extends PlaceFlags, WantedLogs {
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
    const { render, manifest, fault } = await findFolder(id, place, storage);
    // Which slice renders a frame is in the plan alone; in a bucket so is how many slices there are.
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
async function findJobs(render: Render) {
  const noted = await render.jobs.readIfValid();
  const here = render.folder.protocol === 'file:' ? lookHere({ render, jobs: noted }) : undefined;
  const jobs = noted ?? here?.foundJobs;
  if (!jobs) {
    const message = `no jobs are noted in ${render.location} (jobs.json): nothing of it has run yet`;
    throw new SpotreelError('no-jobs', 'passing', message);
  }
  const sliceCount = here?.render?.arrayProperties?.size ?? 1;
  // Without the plan of a retry the jobs before it are unknown.
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

/** Loaded once it is needed. */
async function awsLogs(): Promise<JobLogs> {
  const [{ CloudWatchLogsClient }, { AwsJobLogs }] = await Promise.all([
    import('@aws-sdk/client-cloudwatch-logs'),
    import('../../core/logs/aws-job-logs'),
  ]);
  return new AwsJobLogs(new CloudWatchLogsClient(AWS_CLIENT));
}

const NOTES = `Without --frame, --slice or --stitch: what failed (the first slices of it), else what runs now, else the job that made
the video; with --follow what runs goes first. A slice is named by the number that its report slices/N.json has. Of several
attempts the last one is shown, of a frame all. A retry is another job: of several the last one is
shown. On standard error: which log it is, and how that attempt ended.`;

export function addLogs(program: Command, run: Run): void {
  const command = withPlaceOptions(program.command('logs'))
    .description('what the worker and Blender said: of a frame, a slice, the video, or what failed')
    .argument('[renderId]', 'the render; the newest where none is named')
    .addOption(
      new Option('--frame <n>', 'of this frame alone').argParser(integer).conflicts(['slice', 'stitch']),
    )
    .addOption(new Option('--slice <n>', 'of this slice').argParser(index).conflicts('stitch'))
    .option('--stitch', 'of the job that makes the video')
    .option('--attempt <k>', 'of this attempt, 1 the first', wholeNumber)
    .option(
      '--job <k>',
      'of this one of the jobs that had the frame, slice or video, 1 the first',
      wholeNumber,
    )
    .option('--follow', 'go on until the job has ended, with its further attempts')
    .addOption(new Option('--raw', 'lines as they were written').conflicts('json'))
    .option('--json', 'one JSON object a line')
    .action((renderId: string | undefined, flags: LogsFlags) =>
      run(async () => logsCommand(renderId, flags)),
    );
  explain(command, {
    notes: NOTES,
    exitCodes: [
      [0, 'shown'],
      [1, 'there is no such log (yet, or any more), or it could not be read'],
      [2, 'wrong usage'],
      [130, 'interrupted (the render goes on)'],
    ],
    examples: [
      'spotreel logs',
      'spotreel logs shot-1a2b3c4d --frame 12',
      'spotreel logs shot-1a2b3c4d --slice 3 --follow',
      'spotreel logs shot-1a2b3c4d --slice 3 --job 1   what it said before it was retried',
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
