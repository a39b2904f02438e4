import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { z } from 'zod';
import {
  endOf,
  LineSplitter,
  programPid,
  stopProgram,
  withLifeline,
} from '../../../core/processes/run-program';
import { MEMORY_REASON } from '../../../core/jobs/worker';
import { MASTER_ENDINGS } from '../../../core/render/keys';
import { failureReason, LogTail, memoryWords } from './log';

/** Why a Blender keeps no data between frames (`persistent_data.py`). */
const persistentReasons = z.enum([
  'scenes',
  'layers',
  'simulations',
  'scripts',
  'outputs',
  'little-gain',
  'difference',
  'unreadable',
  'memory',
]);

/** What a frame says about kept data. */
const dataSchema = z.object({
  reason: persistentReasons.optional(),
  /** The largest difference that was found, where 1 is white. */
  difference: z.number().min(0).max(1e9).optional(),
  /** Seconds of a frame that was rendered from nothing: this one, or a part of its work. */
  freshSeconds: z.number().min(0).max(1e9).optional(),
  /** It was rendered with kept data. */
  kept: z.literal(true).optional(),
});

/** See `dataSchema`. */
export type FrameData = z.infer<typeof dataSchema>;

const sessionEventSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('ready') }),
  z.object({ event: z.literal('started'), frame: z.int() }),
  z.object({
    event: z.literal('saved'),
    frame: z.int(),
    seconds: z.number().min(0),
    /** Ending of the file in the scene's own format beside the PNG; absent if that format is not kept. */
    master: z.enum(MASTER_ENDINGS).optional(),
    /** Files of the File Output nodes for the frame; file `i` was moved to `<frame>-<i>.output`. */
    outputs: z.array(z.object({ node: z.string(), file: z.string() })).optional(),
    data: dataSchema.optional().catch(undefined),
  }),
  /** Blender is playing a simulation up to `frame`, which has not begun, and has reached `at`. */
  z.object({ event: z.literal('stepping'), frame: z.int(), at: z.int() }),
  z.object({ event: z.literal('failed'), frame: z.int(), reason: z.string() }),
  /** Files that the frame needs and that are missing or damaged. */
  z.object({
    event: z.literal('missing'),
    frame: z.int(),
    files: z.array(z.string()),
    /** The number of further files. */
    more: z.int().optional(),
    /** Whether Blender continues with the next frame; else it ends. */
    stays: z.literal(true).optional(),
  }),
  /** With force: files that the frame was rendered without. The frame is saved. */
  z.object({
    event: z.literal('lacking'),
    frame: z.int(),
    files: z.array(z.string()),
    more: z.int().optional(),
  }),
  z.object({ event: z.literal('unusable'), reason: z.string() }),
  /** The sound is mixed, without the files that are missing. */
  z.object({ event: z.literal('mixed'), missing: z.array(z.string()), more: z.int().optional() }),
]);

/** A report of `render_frames.py` or `mix_sound.py`. */
export type SessionEvent = z.infer<typeof sessionEventSchema>;

export interface SessionOptions {
  /** Blender's path and arguments. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** A busy Blender is ended after so long without output or an event. */
  readonly hangSeconds: number;
  /** Of the job, if known; for messages. */
  readonly memoryMib?: number;
  /** The setting that sets it, `renderMemoryMib` by default. */
  readonly memorySetting?: MemorySetting;
  /**
   * Whether Blender may report this now. A scene can write to the pipe of events too, so unexpected events are ignored and
   * do not end the wait for the expected one.
   */
  readonly expects: (event: SessionEvent) => boolean;
  readonly onEvent: (event: SessionEvent) => void;
  readonly onOutput: (line: string) => void;
}

/** Seconds between asking Blender to end and ending it. */
const KILL_AFTER_SECONDS = 5;

/** How long Blender may take to quit once its frames are done. */
const QUIT_SECONDS = 60;

/** The file descriptor of Blender on which the script reports its events. */
const EVENTS = 3;

/** One running Blender that renders the requested frames, or mixes sound. */
export class BlenderSession {
  /**
   * Resolves once Blender and all processes that it started have ended and all output was read, with the reason to report
   * if it failed. Rejects if Blender could not be started.
   */
  readonly ended: Promise<string>;
  private readonly process: ChildProcess;
  private readonly tail = new LogTail();
  private readonly alarm: SilenceAlarm;
  private readonly killsBefore = countMemoryKills();
  private isSilent = false;
  /** Whether it is starting or rendering a frame. */
  private isBusy = true;

  constructor(private readonly options: SessionOptions) {
    const { command, environment, hangSeconds, onEvent, onOutput } = options;
    this.alarm = new SilenceAlarm(() => {
      this.isSilent = true;
      this.kill();
    });
    this.alarm.listen(hangSeconds);
    const [program, ...argv] = withLifeline(command);
    this.process = spawn(program!, argv, { env: environment, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    // Blender may end before it has read all frames; `ended` reports that.
    this.process.stdin?.on('error', () => undefined);
    const heard = [
      eachLine(this.process.stdout, (line) => this.hear(line, onOutput)),
      eachLine(this.process.stderr, (line) => this.hear(line, onOutput)),
      eachLine(readable(this.process.stdio[EVENTS]), (line) => this.hearEvent(line, onEvent)),
    ];
    this.ended = this.waitForEnd(heard);
  }

  /**
   * Asks for one frame. `fresh`: from nothing, and Blender then keeps no data any more. `threads` has an effect if Blender
   * started without a number of threads.
   */
  render(frame: number, { threads, fresh }: { threads?: number | undefined; fresh?: boolean } = {}): void {
    this.alarm.listen(this.options.hangSeconds);
    this.isBusy = true;
    const words = [...(threads === undefined ? [] : [`threads=${threads}`]), ...(fresh ? ['fresh'] : [])];
    this.process.stdin?.write(`${[frame, ...words].join(' ')}\n`);
  }

  /** Asks for no more frames: Blender ends after the current one. */
  finish(): void {
    if (!this.isBusy) this.alarm.listen(Math.min(QUIT_SECONDS, this.options.hangSeconds));
    this.process.stdin?.end();
  }

  kill(): void {
    stopProgram(this.process, KILL_AFTER_SECONDS * 1000);
  }

  /** Blender's peak memory so far, in bytes. Linux only. */
  peakMemoryBytes(): number | undefined {
    const pid = this.process.pid && programPid(this.process.pid);
    return pid ? peakMemoryBytes(pid) : undefined;
  }

  private hear(line: string, onOutput: (line: string) => void): void {
    // Once Blender only has to quit, output no longer delays its end.
    if (this.isBusy) this.alarm.heard();
    this.tail.add(line);
    onOutput(line);
  }

  private hearEvent(line: string, onEvent: (event: SessionEvent) => void): void {
    const event = parseEvent(line);
    if (!event || !this.options.expects(event)) return;
    if (event.event === 'started' || event.event === 'stepping' || event.event === 'lacking') {
      this.alarm.heard();
    } else {
      this.alarm.rest();
      this.isBusy = false;
    }
    onEvent(event);
  }

  private async waitForEnd(heard: Array<Promise<void>>): Promise<string> {
    const { exitCode, signal } = await endOf(this.process).finally(() => this.alarm.rest());
    await Promise.all(heard);
    const { hangSeconds, memoryMib, memorySetting } = this.options;
    const silentSeconds = this.isSilent ? hangSeconds : undefined;
    const ranOutOfMemory = countMemoryKills() > this.killsBefore;
    const ending = { exitCode, signal, lines: this.tail.lines(), silentSeconds, ranOutOfMemory };
    return describeEnding(ending, { memoryMib, memorySetting });
  }
}

function readable(stream: Readable | Writable | null | undefined): Readable | null {
  return stream instanceof Readable ? stream : null;
}

/** `undefined` for a line that is not an event: something else in that process wrote it. */
function parseEvent(line: string): SessionEvent | undefined {
  try {
    return sessionEventSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

const GPU_MEMORY = "the GPU's memory does not hold the scene";

/** How a Blender ended. */
export interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its output. */
  readonly lines: readonly string[];
  /** Set if the worker ended it because it was silent for so many seconds. */
  readonly silentSeconds?: number;
  /** The kernel killed a process while it ran, because memory was full. */
  readonly ranOutOfMemory: boolean;
}

/** The setting of a farm that sets a job's memory. */
type MemorySetting = 'renderMemoryMib' | 'stitchMemoryMib';

interface Memory {
  /** Of the job, if known. */
  readonly memoryMib?: number;
  /** `renderMemoryMib` by default. */
  readonly memorySetting?: MemorySetting;
}

/** Why a Blender failed, as far as known, and which setting to change. */
export function describeEnding(ending: Ending, memory: Memory): string {
  const { exitCode, signal, lines, silentSeconds, ranOutOfMemory } = ending;
  if (silentSeconds !== undefined) {
    return failureReason(
      lines,
      `Blender was silent for ${silentSeconds} seconds, so Spotreel ended it; if it needs longer, raise the setting hangMinutes (SPOTREEL_HANG_SECONDS on this machine)`,
    );
  }
  const what = signal ? `was ended by ${signal}` : `ended with exit code ${exitCode}`;
  const how = `Blender ${what}`;
  const words = memoryWords(lines);
  if (words === 'gpu') {
    return failureReason(lines, `${how}: ${GPU_MEMORY}; render with --device cpu`);
  }
  if (words === 'machine' || (signal === 'SIGKILL' && ranOutOfMemory)) {
    return failureReason(lines, `${MEMORY_REASON} ${what}; ${memoryRemedy(memory)}`);
  }
  return failureReason(lines, how);
}

function memoryRemedy({ memoryMib, memorySetting = 'renderMemoryMib' }: Memory): string {
  return memoryMib === undefined
    ? 'render fewer frames at a time (--parallel 1), at a lower resolution, or on a machine with more memory'
    : `${memorySetting === 'renderMemoryMib' ? 'a slice' : 'the stitch job'} has ${memoryMib} MiB: raise the setting ${memorySetting}`;
}

/** Whether a reason from `describeEnding` says that the machine's or the GPU's memory was full. */
export const isOutOfMemory = (reason: string): boolean =>
  reason.includes(MEMORY_REASON) || reason.includes(GPU_MEMORY);

/** Calls `listener` for each line, cut by `LineSplitter`. Resolves when the stream ends or is destroyed. */
export async function eachLine(stream: Readable | null, listener: (line: string) => void): Promise<void> {
  if (!stream) return;
  const lines = new LineSplitter(listener);
  // A pipe breaks when its process ends, which is reported anyway.
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Uint8Array) => lines.push(chunk));
  await new Promise((ended) => {
    stream.once('end', ended);
    stream.once('close', ended);
  });
  lines.end();
}

/**
 * Where Linux counts the processes that it killed because memory was full: in this container (cgroup 2, cgroup 1), and on
 * the whole machine. https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
 */
const COUNTERS = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control', '/proc/vmstat'];

/** A number that grows when the kernel kills a process because memory is full; 0 if the system does not count them. */
export function countMemoryKills(read: (path: string) => string = readText): number {
  return COUNTERS.reduce((sum, path) => sum + countIn(read(path)), 0);
}

function countIn(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** The peak memory of a running process, in bytes; `undefined` if the system does not report it. Linux only. */
export function peakMemoryBytes(pid: number, read: (path: string) => string = readText): number | undefined {
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The longest delay of a timer, in milliseconds: a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Calls `onSilence` if nothing is heard for too long while something is expected. */
class SilenceAlarm {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onSilence: () => void) {}

  /** Fires once nothing is heard for `seconds` from now on. */
  listen(seconds: number): void {
    this.rest();
    // Blender keeps this process alive; the alarm alone does not.
    this.timer = setTimeout(this.onSilence, Math.min(seconds * 1000, LONGEST_MS)).unref();
  }

  heard(): void {
    this.timer?.refresh();
  }

  /** Accepts silence. */
  rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

/** Frames named at most. */
const MOST_NAMED = 5;

/** Counts events that nothing asked for. It does not list them, because a scene can write any number. */
export class StrayEvents {
  private events = 0;
  private readonly frames = new Set<number>();

  /** Counts it. Returns `false`, as it is not expected. */
  count(event: SessionEvent): false {
    this.events += 1;
    if ('frame' in event && this.frames.size < MOST_NAMED) this.frames.add(event.frame);
    return false;
  }

  /** What was ignored, in one line; `undefined` if nothing was. */
  describe(): string | undefined {
    if (this.events === 0) return undefined;
    const frames = this.frames.size === 0 ? '' : `, such as of frame ${[...this.frames].join(', ')}`;
    return `Spotreel ignored ${this.events} reports of Blender that it had not asked for${frames}; the scene may be hostile`;
  }
}
