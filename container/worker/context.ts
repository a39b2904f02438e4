import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { messageOf, SpotreelError } from '../../core/errors';
import type { WorkerCommand, WorkerEvent } from '../../core/jobs/worker';
import { LineSplitter } from '../../core/processes/run-program';
import type { Storage } from '../../core/storage/storage';

/** Fields of every line of a worker's log, which show the child that wrote it. */
export interface LogContext {
  readonly renderId: string;
  /** Of `render` only; in a retry, known once its plan was read. */
  readonly slice?: number;
  /** The number of the retry. */
  readonly retry?: number;
  /** 1-based. */
  readonly attempt: number;
}

/** From the command and the variables that AWS Batch sets. The render's id is the name of its folder. */
export function logContext(
  command: WorkerCommand,
  { AWS_BATCH_JOB_ARRAY_INDEX, AWS_BATCH_JOB_ATTEMPT }: Readonly<Record<string, string | undefined>>,
): LogContext {
  return {
    renderId: command.output.split('/').filter(Boolean).at(-1) ?? '',
    ...(command.command === 'render' &&
      (command.retry === undefined
        ? { slice: Number(AWS_BATCH_JOB_ARRAY_INDEX ?? 0) }
        : { retry: command.retry })),
    attempt: Number(AWS_BATCH_JOB_ATTEMPT ?? 1),
  };
}

/** A line of the log: one JSON object that begins with the event. */
export function logLine(event: WorkerEvent, context: Partial<LogContext>): string {
  return JSON.stringify({ ...event, ...context });
}

/** The fields of ECS's task metadata about the image, which is pulled before the container starts. */
const pullSchema = z.object({ PullStartedAt: z.iso.datetime(), PullStoppedAt: z.iso.datetime() });

/** The agent is on the same machine. */
const AGENT_MS = 2_000;

/**
 * Seconds in which the machine pulled this container's image; `undefined` without ECS, or if its agent does not say.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-response.html
 */
export async function pullSeconds({
  ECS_CONTAINER_METADATA_URI_V4: uri,
}: Readonly<Record<string, string | undefined>>): Promise<number | undefined> {
  if (!uri) return undefined;
  try {
    const answer = await fetch(`${uri}/task`, { signal: AbortSignal.timeout(AGENT_MS) });
    const { PullStartedAt, PullStoppedAt } = pullSchema.parse(await answer.json());
    return Math.max(0, Date.parse(PullStoppedAt) - Date.parse(PullStartedAt)) / 1000;
  } catch {
    return undefined;
  }
}

/** What the commands of a worker get from `main`. */
export interface WorkerContext {
  readonly storage: Storage;
  /** The process's variables. */
  readonly environment: NodeJS.ProcessEnv;
  /** Folders of this worker, removed at its end. */
  readonly scratch: Scratch;
  /** Aborted when the worker is asked to stop (see `watchInterruptions`). */
  readonly signal: AbortSignal;
  /** See `listenForThreads`. */
  readonly threads?: () => number | undefined;
  readonly say: (event: WorkerEvent) => void;
  readonly now: () => Date;
}

/** Why a worker has to stop: the reason of its `AbortSignal`. */
export class Interruption {
  constructor(
    readonly reason: string,
    /** Milliseconds since 1970. The current frame may render until then; storing it may take a little longer. */
    readonly deadline: number,
  ) {}
}

export interface InterruptionSource {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The process that gets signals and reads standard input. */
  readonly process: {
    once(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
    readonly stdin: Pick<Readable, 'on' | 'once' | 'resume'>;
  };
  readonly now: () => number;
}

/** Seconds after SIGTERM. ECS sends SIGKILL after 30 seconds by default. */
const USUAL_GRACE_SECONDS = 20;

/**
 * Time to store the frame before EC2 reclaims the machine. The notice comes two minutes before:
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
 */
const SECONDS_BEFORE_MACHINE_GOES = 20;

/** How often the worker looks for the Spot notice. */
const POLL_SECONDS = 1;

/**
 * Returns a signal that aborts, with an `Interruption` as its reason, when the worker must stop:
 * - SIGTERM or SIGINT, with `SPOTREEL_STOP_SECONDS` of grace.
 * - The Spot notice, which the machine's watcher writes to `SPOTREEL_SPOT_NOTICE`.
 * - The end of a local scheduler that holds standard input open (`SPOTREEL_LIFELINE=stdin`), without grace.
 */
export function watchInterruptions({ environment, process, now }: InterruptionSource): AbortSignal {
  const stop = new AbortController();
  const interrupt = (interruption: Interruption) => stop.abort(interruption);
  const graceSeconds = Number(environment.SPOTREEL_STOP_SECONDS ?? USUAL_GRACE_SECONDS);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () =>
      interrupt(new Interruption(`stopped by ${signal}`, now() + graceSeconds * 1000)),
    );
  }
  if (environment.SPOTREEL_LIFELINE === 'stdin') {
    const gone = () =>
      interrupt(new Interruption('stopped: the process that started this worker has ended', now()));
    process.stdin.once('end', gone);
    process.stdin.resume();
  }
  if (environment.SPOTREEL_SPOT_NOTICE) void pollNotice(environment.SPOTREEL_SPOT_NOTICE, interrupt, now);
  return stop.signal;
}

/** Blender's limit for threads. */
const MOST_THREADS = 1024;

/**
 * Hears how many threads Blender may use now: lines such as `threads=4` on standard input, from a local scheduler that
 * divides the cores. Returns the latest number, `undefined` before the first.
 */
export function listenForThreads({
  environment,
  process,
}: Omit<InterruptionSource, 'now'>): () => number | undefined {
  let threads: number | undefined;
  const lines = new LineSplitter((line) => {
    const count = Number(/^threads=(\d{1,4})$/.exec(line)?.[1] ?? 0);
    if (count >= 1) threads = Math.min(count, MOST_THREADS);
  });
  if (environment.SPOTREEL_LIFELINE === 'stdin') {
    process.stdin.on('data', (chunk: Uint8Array) => lines.push(chunk));
  }
  return () => threads;
}

/** The error of a worker that had to stop before it was done; exit code 143. */
export function stoppedError(signal: AbortSignal): SpotreelError {
  return new SpotreelError('stopped', 'stopped', interruptionOf(signal).reason);
}

/** Why a signal of `watchInterruptions` was aborted. */
export function interruptionOf({ reason }: AbortSignal): Interruption {
  return reason instanceof Interruption ? reason : new Interruption(messageOf(reason), 0);
}

const noticeSchema = z.object({ action: z.string(), time: z.iso.datetime() });

/** Reads the notice that the watcher wrote. An unreadable notice still means that the machine goes. */
export function readNotice(text: string, now: number): Interruption {
  try {
    const { action, time } = noticeSchema.parse(JSON.parse(text));
    const deadline = Date.parse(time) - SECONDS_BEFORE_MACHINE_GOES * 1000;
    return new Interruption(`interrupted: EC2 reclaims this Spot machine (${action} at ${time})`, deadline);
  } catch {
    const reason = 'interrupted: EC2 reclaims this Spot machine (its notice is unreadable)';
    return new Interruption(reason, now + USUAL_GRACE_SECONDS * 1000);
  }
}

async function pollNotice(
  path: string,
  interrupt: (interruption: Interruption) => void,
  now: () => number,
): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text !== undefined) return interrupt(readNotice(text, now()));
  setTimeout(() => void pollNotice(path, interrupt, now), POLL_SECONDS * 1000).unref();
}

/**
 * The folders of a worker. A sandboxed program can write only below its own folders. It cannot replace them by links, because
 * it cannot write to the folder above.
 */
export interface Scratch {
  /** Home and temporary folder of Blender, which may write here. */
  readonly blender: string;
  /** Where Blender saves frames and sound; it may write here. Files are directly in it. */
  readonly saved: string;
  /** Home, temporary folder and outputs of ffmpeg, which may write here. */
  readonly ffmpeg: string;
  /** Files of the worker: no sandboxed program may write here. */
  readonly own: string;
}

/** Makes the folders below `root`, for this user alone. */
export async function makeScratch(root: string): Promise<Scratch> {
  const at = (name: string) => join(root, name);
  const scratch = { blender: at('blender'), saved: at('saved'), ffmpeg: at('ffmpeg'), own: at('own') };
  for (const folder of Object.values(scratch)) await mkdir(folder, { recursive: true, mode: 0o700 });
  return scratch;
}
