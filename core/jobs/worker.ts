import { parseArgs } from 'node:util';
import * as z from 'zod/mini';
import { type FaultKind, messageOf, SpotreelError } from '../errors';

/**
 * Exit codes of the worker, after BSD's sysexits; 143 is what a shell gives for SIGTERM. The job definition's retry
 * strategy is generated from `retry` (see `retryStrategy`).
 */
export const EXIT = {
  done: { code: 0, retry: false },
  /** Wrong usage. */
  usage: { code: 64, retry: false },
  /** The scene or its files are at fault. */
  scene: { code: 65, retry: false },
  /** A fault of Spotreel's own: the same again would fail the same way. */
  internal: { code: 70, retry: false },
  /** A passing fault. */
  passing: { code: 75, retry: true },
  /** Stopped by SIGTERM. */
  stopped: { code: 143, retry: true },
} as const satisfies Record<string, { code: number; retry: boolean }> & Record<FaultKind, unknown>;

/** The exit code for an error that ended the worker. */
export function exitCodeOf(error: unknown): number {
  return EXIT[error instanceof SpotreelError ? error.kind : 'internal'].code;
}

/** `render`: one slice. URLs are in the text that users write (`s3://bucket/key`, `file:///…`), see `location.ts`. */
export interface RenderCommand {
  readonly command: 'render';
  /** The `.blend`. */
  readonly input: string;
  /** The render's own folder. */
  readonly output: string;
  readonly framesPerSlice: number;
  readonly totalFrames: number;
  /** The number of the retry whose plan says which slice and which of its frames. */
  readonly retry?: number;
}

/** `stitch`: the video of all frames. Input and output are the render's own folder. */
export interface StitchCommand {
  readonly command: 'stitch';
  readonly input: string;
  readonly output: string;
  /** Whether a video is made though frames are missing, each of them held over by another. */
  readonly partial?: boolean;
}

export type WorkerCommand = RenderCommand | StitchCommand;

/** The container's command as an argv array. */
export function workerArgv(command: WorkerCommand): string[] {
  const common = [command.command, '-i', command.input, '-o', command.output];
  if (command.command === 'stitch') return command.partial ? [...common, '--partial'] : common;
  const slices = ['-f', String(command.framesPerSlice), '-t', String(command.totalFrames)];
  const retry = command.retry === undefined ? [] : ['--retry', String(command.retry)];
  return [...common, ...slices, ...retry];
}

/** Reads what `workerArgv` writes. Throws `bad-usage` naming the flag at fault. */
export function parseWorkerArgv(argv: readonly string[]): WorkerCommand {
  const [command, ...args] = argv;
  if (command !== 'render' && command !== 'stitch') {
    throw usage(`the command must be render or stitch, not "${command ?? ''}"`);
  }
  const { partial, ...values } = parseFlags(args);
  const input = required(values, 'i', command);
  const output = required(values, 'o', command);
  if (command === 'stitch') {
    if (values.retry !== undefined) throw usage('--retry is for render');
    return { command, input, output, ...(partial && { partial }) };
  }
  if (partial) throw usage('--partial is for stitch');
  const slices = { framesPerSlice: count(values, 'f'), totalFrames: count(values, 't') };
  const retry = values.retry === undefined ? undefined : count(values, 'retry');
  return { command, input, output, ...slices, ...(retry !== undefined && { retry }) };
}

type Flags = Record<string, string | undefined>;

function parseFlags(args: string[]) {
  const flag = (short: string) => ({ type: 'string' as const, short });
  try {
    const partial = { type: 'boolean' as const };
    const retry = { type: 'string' as const };
    const options = { i: flag('i'), o: flag('o'), f: flag('f'), t: flag('t'), partial, retry };
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw usage(messageOf(error));
  }
}

function required(values: Flags, name: string, command: string): string {
  const value = values[name];
  if (!value) throw usage(`${command} needs -${name}`);
  return value;
}

function count(values: Flags, name: string): number {
  const text = required(values, name, 'render');
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw usage(`${name.length > 1 ? '--' : '-'}${name} must be a whole number of 1 or more, not "${text}"`);
  }
  return value;
}

function usage(message: string): SpotreelError {
  return new SpotreelError('bad-usage', 'usage', message);
}

/** What a worker says on its standard output: one JSON object a line, so that machines and people can both follow it. */
export const workerEventSchema = z.discriminatedUnion('event', [
  /** Blender has begun the frame. */
  z.object({ event: z.literal('frame-started'), frame: z.int() }),
  /** Blender is so far with the frame; told now and then. */
  z.object({
    event: z.literal('frame-progress'),
    frame: z.int(),
    sample: z.int(),
    samples: z.int(),
    memoryMib: z.optional(z.number()),
  }),
  /** The frame is whole and in storage. */
  z.object({ event: z.literal('frame-stored'), frame: z.int(), seconds: z.number() }),
  /** The frame was in storage already, and whole. */
  z.object({ event: z.literal('frame-kept'), frame: z.int() }),
  /** One try of the frame failed; `final` when there will be no other. */
  z.object({
    event: z.literal('frame-failed'),
    frame: z.int(),
    reason: z.string(),
    final: z.boolean(),
    /** Files that it lacks, the first of them; absent where it failed for another reason. */
    missing: z.optional(z.array(z.string())),
  }),
  /** So many frames of the video are encoded. */
  z.object({ event: z.literal('stitching'), frames: z.int(), total: z.int() }),
  /** A line for the log: Blender's or ffmpeg's own output, or what the worker has to say besides. */
  z.object({
    event: z.literal('output'),
    program: z.enum(['blender', 'ffmpeg', 'worker']),
    line: z.string(),
  }),
  /** What a video lacks that was made all the same. */
  z.object({ event: z.literal('warning'), code: z.string(), message: z.string() }),
  /** Why the worker ends with an exit code other than 0. */
  z.object({ event: z.literal('error'), code: z.string(), message: z.string() }),
]);

export type WorkerEvent = z.infer<typeof workerEventSchema>;

/** The event that a line of a worker's output holds; `undefined` for any other line. */
export function parseWorkerEvent(line: string): WorkerEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return workerEventSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
