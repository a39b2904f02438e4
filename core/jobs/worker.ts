import { parseArgs } from 'node:util';
import * as z from 'zod/mini';
import { type FaultKind, messageOf, SpotreelError } from '../errors';

/**
 * Exit codes of the worker, after BSD's sysexits; 143 is a shell's code for SIGTERM. `retry` makes the job
 * definition's retry strategy (see `retryStrategy`).
 */
export const EXIT = {
  done: { code: 0, retry: false },
  usage: { code: 64, retry: false },
  /** A fault of the scene or its files. */
  scene: { code: 65, retry: false },
  /** A fault of Spotreel itself: a retry would fail the same way. */
  internal: { code: 70, retry: false },
  passing: { code: 75, retry: true },
  stopped: { code: 143, retry: true },
} as const satisfies Record<string, { code: number; retry: boolean }> & Record<FaultKind, unknown>;

/** The exit code for an error that ended the worker. */
export function exitCodeOf(error: unknown): number {
  return EXIT[error instanceof SpotreelError ? error.kind : 'internal'].code;
}

/** Part of the reason of a frame or slice whose Blender ran out of the memory of its job. */
export const MEMORY_REASON = 'out of memory: Blender';

/** `render`: one slice. URLs are in the form that users write (`s3://bucket/key`, `file:///…`), see `location.ts`. */
export interface RenderCommand {
  readonly command: 'render';
  /** The `.blend`. */
  readonly input: string;
  /** The render's own folder. */
  readonly output: string;
  readonly framesPerSlice: number;
  readonly totalFrames: number;
  /** The number of the retry whose plan has the slice and its frames. */
  readonly retry?: number;
}

/** `stitch`: the video of all frames. Input and output are the render's own folder. */
export interface StitchCommand {
  readonly command: 'stitch';
  readonly input: string;
  readonly output: string;
  /** Whether to make a video in spite of missing frames, with other frames in their places. */
  readonly partial?: boolean;
}

/** Seconds after which a probe with `hold` ends by itself, and of an attempt of `prove`. */
export const PROBE_SECONDS = 900;

/** `probe`: reports what a container finds on its machine, for `spotreel prove`. */
export interface ProbeCommand {
  readonly command: 'probe';
  /** The folder of all reports. */
  readonly output: string;
  /** The report is `<name>.json`, or `<name>-<index>.json` for a child of an array job. */
  readonly name: string;
  /** The first attempt of a plain job or of child 0 ends with the exit code of a passing fault, without a report. */
  readonly failFirst?: boolean;
  /** The probe waits after its report until it is stopped, at most `PROBE_SECONDS`, and reports that, too. */
  readonly hold?: boolean;
  /** Whether to look for GPUs. */
  readonly gpu?: boolean;
}

export type WorkerCommand = RenderCommand | StitchCommand | ProbeCommand;

/** The container's command as an argv array. */
export function workerArgv(command: WorkerCommand): string[] {
  if (command.command === 'probe') {
    const flags = PROBE_FLAGS.filter((flag) => command[flag]).map((flag) => `--${flag}`);
    return ['probe', '-o', command.output, '--name', command.name, ...flags];
  }
  const common = [command.command, '-i', command.input, '-o', command.output];
  if (command.command === 'stitch') return command.partial ? [...common, '--partial'] : common;
  const slices = ['-f', String(command.framesPerSlice), '-t', String(command.totalFrames)];
  const retry = command.retry === undefined ? [] : ['--retry', String(command.retry)];
  return [...common, ...slices, ...retry];
}

const PROBE_FLAGS = ['failFirst', 'hold', 'gpu'] as const;

/** Reads what `workerArgv` writes. Throws `bad-usage` with the flag at fault. */
export function parseWorkerArgv(argv: readonly string[]): WorkerCommand {
  const [command, ...args] = argv;
  if (command === 'probe') return parseProbe(args);
  if (command !== 'render' && command !== 'stitch') {
    throw usage(`the command must be render, stitch or probe, not "${command ?? ''}"`);
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

function parseProbe(args: string[]): ProbeCommand {
  const [text, flag] = [{ type: 'string' }, { type: 'boolean' }] as const;
  const options = {
    output: { ...text, short: 'o' },
    name: text,
    failFirst: flag,
    hold: flag,
    gpu: flag,
  } as const;
  const { values } = explained(() => parseArgs({ args, options, strict: true, allowPositionals: false }));
  const { output, name = '', failFirst, hold, gpu } = values;
  if (!output || !/^[a-z0-9][a-z0-9.-]{0,40}$/.test(name)) throw usage('probe needs -o and --name');
  return {
    command: 'probe',
    output,
    name,
    ...(failFirst && { failFirst }),
    ...(hold && { hold }),
    ...(gpu && { gpu }),
  };
}

type Flags = Record<string, string | undefined>;

function parseFlags(args: string[]) {
  const flag = (short: string) => ({ type: 'string' as const, short });
  const partial = { type: 'boolean' as const };
  const retry = { type: 'string' as const };
  const options = { i: flag('i'), o: flag('o'), f: flag('f'), t: flag('t'), partial, retry };
  return explained(() => parseArgs({ args, options, strict: true, allowPositionals: false }).values);
}

/** Throws `bad-usage` with the flag at fault. */
function explained<T>(parse: () => T): T {
  try {
    return parse();
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

/** Events on a worker's standard output: one JSON object per line, for programs and people. */
export const workerEventSchema = z.lazy(() =>
  z.discriminatedUnion('event', [
    /** Blender has started the frame. */
    z.object({ event: z.literal('frame-started'), frame: z.int() }),
    /** Progress of Blender within the frame, now and then. */
    z.object({
      event: z.literal('frame-progress'),
      frame: z.int(),
      sample: z.int(),
      samples: z.int(),
      memoryMib: z.optional(z.number()),
    }),
    /** The frame is complete and stored. */
    z.object({ event: z.literal('frame-stored'), frame: z.int(), seconds: z.number() }),
    /** The frame was already stored and complete. */
    z.object({ event: z.literal('frame-kept'), frame: z.int() }),
    /** One try of the frame failed; `final` if no other follows. */
    z.object({
      event: z.literal('frame-failed'),
      frame: z.int(),
      reason: z.string(),
      final: z.boolean(),
      /** The first files that it lacks; absent if it failed for another reason. */
      missing: z.optional(z.array(z.string())),
    }),
    /** Progress of the video. */
    z.object({ event: z.literal('stitching'), frames: z.int(), total: z.int() }),
    /** A line for the log: output of Blender or ffmpeg, or a message of the worker. */
    z.object({
      event: z.literal('output'),
      program: z.enum(['blender', 'ffmpeg', 'worker']),
      line: z.string(),
    }),
    /** What a finished video lacks. */
    z.object({ event: z.literal('warning'), code: z.string(), message: z.string() }),
    /** Why the worker ends with an exit code other than 0. */
    z.object({ event: z.literal('error'), code: z.string(), message: z.string() }),
  ]),
);

export type WorkerEvent = z.infer<typeof workerEventSchema>;

/** The event in a line of a worker's output; `undefined` for other lines. */
export function parseWorkerEvent(line: string): WorkerEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return workerEventSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** Why a try failed (`EACCES`, a message), or `done`. */
const outcome = z.string();

/**
 * What a probe found in its container. Values of `outcome` are `done` for a try that succeeded, which may be good or
 * bad: `spotreel prove` judges them.
 */
export const probeReportSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    jobId: z.string(),
    /** 1-based. */
    attempt: z.int(),
    /** Differs between machines and their starts. */
    bootId: z.string(),
    kernel: z.string(),
    uid: z.int(),
    /** Versions, or why a program does not answer. */
    programs: z.object({ blender: z.string(), ffmpeg: z.string() }),
    sandbox: z.object({
      /** Why programs run without it. */
      off: z.optional(z.string()),
      /** See `sandbox.pl --check`. */
      gaps: z.array(z.string()),
      /** Of the kernel; 0 without Landlock. */
      landlockAbi: z.int(),
      /** Tries of a program inside, and its `Seccomp`, `NoNewPrivs` and `CapEff` of proc_pid_status(5). */
      inside: z.record(z.string(), z.string()),
    }),
    metadata: z.object({ url: z.string(), token: outcome, page: outcome }),
    notice: z.object({ folder: z.string(), list: outcome, write: outcome, isNoticed: z.boolean() }),
    scratch: z.object({
      folder: z.string(),
      uid: z.int(),
      /** Permissions in octal: `700`. */
      mode: z.string(),
      write: outcome,
      isMount: z.boolean(),
      /** The number of files that were in it before this worker. */
      foreign: z.int(),
    }),
    cache: z.object({
      folder: z.string(),
      mode: z.string(),
      write: outcome,
      list: outcome,
      /** Names of earlier reports whose probes left a mark in this machine's cache. */
      marks: z.array(z.string()),
    }),
    gpu: z.optional(
      z.object({
        /** By `nvidia-smi`. */
        driver: outcome,
        /** Devices of Cycles: `OPTIX NVIDIA T4`. */
        cycles: z.array(z.string()),
        /** OpenGL's name of the device that EEVEE draws with; empty if Blender does not say. */
        eevee: z.string(),
      }),
    ),
    /** Calls of AWS with the job's role, and their outcomes. */
    rights: z.record(z.string(), outcome),
    /** ARN of the caller. */
    role: z.string(),
  }),
);

export type ProbeReport = z.infer<typeof probeReportSchema>;
