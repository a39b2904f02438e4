import { parseArgs } from 'node:util';
import { SpotreelError, messageOf } from '../errors';

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
