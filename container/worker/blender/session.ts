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
import { MASTER_ENDINGS } from '../../../core/render/keys';
import { failureReason, LogTail, memoryWords } from './log';

/** How a Blender ended. */
export interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its output. */
  readonly lines: readonly string[];
  /** It was silent for so many seconds that the worker ended it. */
  readonly silentSeconds?: number | undefined;
  /** The kernel ended a process for want of memory while it ran. */
  readonly ranOutOfMemory: boolean;
}

/** Of a farm: how much memory a job has. */
type MemorySetting = 'renderMemoryMib' | 'stitchMemoryMib';

/** What its job has, where that is known. */
interface Memory {
  readonly memoryMib?: number | undefined;
  /** `renderMemoryMib` where it is absent. */
  readonly memorySetting?: MemorySetting | undefined;
}

/** The best that can be said about why a Blender failed, and what to change where that is known. */
export function describeEnding(ending: Ending, memory: Memory): string {
  const { exitCode, signal, lines, silentSeconds, ranOutOfMemory } = ending;
  if (silentSeconds !== undefined) {
    return failureReason(
      lines,
      `Blender said nothing for ${silentSeconds} seconds and was ended; if it needs longer, raise the setting hangMinutes (SPOTREEL_HANG_SECONDS on this machine)`,
    );
  }
  const how = signal ? `Blender was ended by ${signal}` : `Blender ended with exit code ${exitCode}`;
  const words = memoryWords(lines);
  if (words === 'gpu') {
    return failureReason(lines, `${how}: the GPU's memory does not hold the scene; render with --device cpu`);
  }
  if (words === 'machine' || (signal === 'SIGKILL' && ranOutOfMemory)) {
    return failureReason(lines, `out of memory: ${how}; ${memoryRemedy(memory)}`);
  }
  return failureReason(lines, how);
}

function memoryRemedy({ memoryMib, memorySetting = 'renderMemoryMib' }: Memory): string {
  return memoryMib === undefined
    ? 'render fewer frames at a time (--parallel 1), at a lower resolution, or on a machine with more memory'
    : `${memorySetting === 'renderMemoryMib' ? 'a slice' : 'the stitch job'} has ${memoryMib} MiB: raise the setting ${memorySetting}`;
}

/** Calls `listener` for each line of a program's output, cut by `LineSplitter`; resolves at its end, or when the stream is destroyed. */
export async function eachLine(stream: Readable | null, listener: (line: string) => void): Promise<void> {
  if (!stream) return;
  const lines = new LineSplitter(listener);
  // A pipe that breaks with its process says nothing that the process's end does not.
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Uint8Array) => lines.push(chunk));
  await new Promise((ended) => {
    stream.once('end', ended);
    stream.once('close', ended);
  });
  lines.end();
}

/**
 * Where Linux counts the processes that it ended for want of memory: of this container (cgroup 2, cgroup 1), and of the
 * whole machine. https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
 */
const COUNTERS = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control', '/proc/vmstat'];

/** A number that grows when the kernel ends a process for want of memory; 0 where nothing tells. */
export function countMemoryKills(read: (path: string) => string = readText): number {
  return COUNTERS.reduce((sum, path) => sum + countIn(read(path)), 0);
}

function countIn(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** The most memory that a living process has had, in bytes; `undefined` where the system does not tell. Linux only. */
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

/** The longest time that a timer can hold, in milliseconds: a longer one would go off at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Goes off when nothing is heard for too long while something should be. */
class SilenceAlarm {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onSilence: () => void) {}

  /** From now on something is to be heard, and never `seconds` pass without. */
  listen(seconds: number): void {
    this.rest();
    // Whoever is listened to keeps this process; the alarm alone does not.
    this.timer = setTimeout(this.onSilence, Math.min(seconds * 1000, LONGEST_MS)).unref();
  }

  heard(): void {
    this.timer?.refresh();
  }

  /** Silence is in order. */
  rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

const sessionEventSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('ready') }),
  z.object({ event: z.literal('started'), frame: z.int() }),
  z.object({
    event: z.literal('saved'),
    frame: z.int(),
    seconds: z.number().min(0),
    /** How the file ends that was saved in the scene's own format beside the PNG; absent where that is none that is kept. */
    master: z.enum(MASTER_ENDINGS).optional(),
    /** What the File Output nodes wrote for the frame; the file of index `i` was moved to `<frame>-<i>.output`. */
    outputs: z.array(z.object({ node: z.string(), file: z.string() })).optional(),
  }),
  /** A simulation is played up to `frame`, before that begins; `at` is the frame that it has reached. */
  z.object({ event: z.literal('stepping'), frame: z.int(), at: z.int() }),
  z.object({ event: z.literal('failed'), frame: z.int(), reason: z.string() }),
  /** Files that the frame needs and that are missing or damaged. */
  z.object({
    event: z.literal('missing'),
    frame: z.int(),
    files: z.array(z.string()),
    /** How many there are besides. */
    more: z.int().optional(),
    /** Whether Blender goes on with the next frame; else it ends. */
    stays: z.literal(true).optional(),
  }),
  /** With force: files that the frame was rendered without; it is saved all the same. */
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

/** What `render_frames.py` and `mix_sound.py` tell. */
export type SessionEvent = z.infer<typeof sessionEventSchema>;

export interface SessionOptions {
  /** Blender's path and arguments. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** After so long without a word or an event, while it has something to do, Blender is ended. */
  readonly hangSeconds: number;
  /** What the job has, for a message, where that is known. */
  readonly memoryMib?: number | undefined;
  /** The setting that says so; of a slice where it is absent. */
  readonly memorySetting?: MemorySetting;
  /**
   * Whether Blender may report this now. A scene can write to the pipe of events too: an event that is not expected counts as none,
   * and does not end the wait for what is expected.
   */
  readonly expects: (event: SessionEvent) => boolean;
  readonly onEvent: (event: SessionEvent) => void;
  readonly onOutput: (line: string) => void;
}

/** Seconds between asking Blender to end and ending it. */
const KILL_AFTER_SECONDS = 5;

/** What Blender may take to quit once its frames are done. */
const QUIT_SECONDS = 60;

/** The index of the pipe in Blender's file descriptors on which the script tells its events. */
const EVENTS = 3;

/** One running Blender that renders the frames it is told to, or mixes sound. */
export class BlenderSession {
  /**
   * Resolves with the best that can be said about why, should it have failed, when Blender and all that it started are gone
   * and all it said has been heard. Rejects when it could not be started.
   */
  readonly ended: Promise<string>;
  private readonly process: ChildProcess;
  private readonly tail = new LogTail();
  private readonly alarm: SilenceAlarm;
  private readonly killsBefore = countMemoryKills();
  private isSilent = false;
  /** With its start, or with a frame. */
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
    // Blender may end before it has read all frames; that shows in how it ended.
    this.process.stdin?.on('error', () => undefined);
    const heard = [
      eachLine(this.process.stdout, (line) => this.hear(line, onOutput)),
      eachLine(this.process.stderr, (line) => this.hear(line, onOutput)),
      eachLine(readable(this.process.stdio[EVENTS]), (line) => this.hearEvent(line, onEvent)),
    ];
    this.ended = this.waitForEnd(heard);
  }

  /** Asks for one frame. */
  render(frame: number): void {
    this.alarm.listen(this.options.hangSeconds);
    this.isBusy = true;
    this.process.stdin?.write(`${frame}\n`);
  }

  /** No more frames: Blender ends after the one that it is rendering. */
  finish(): void {
    if (!this.isBusy) this.alarm.listen(Math.min(QUIT_SECONDS, this.options.hangSeconds));
    this.process.stdin?.end();
  }

  /** Ends Blender now. */
  kill(): void {
    stopProgram(this.process, KILL_AFTER_SECONDS * 1000);
  }

  /** The most memory that this Blender has had so far, in bytes. Linux only. */
  peakMemoryBytes(): number | undefined {
    const pid = this.process.pid && programPid(this.process.pid);
    return pid ? peakMemoryBytes(pid) : undefined;
  }

  private hear(line: string, onOutput: (line: string) => void): void {
    // Once Blender has only to quit, its words no longer put off its end.
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

/** A line that is no event was written by something else in that process, and is nobody's word. */
function parseEvent(line: string): SessionEvent | undefined {
  try {
    return sessionEventSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** Frames that are named at most. */
const MOST_NAMED = 5;

/** Events of Blender that nothing asked for. They are only counted: a scene can write as many as it likes. */
export class StrayEvents {
  private events = 0;
  private readonly frames = new Set<number>();

  /** Counts it; answers that it is not expected. */
  count(event: SessionEvent): false {
    this.events += 1;
    if ('frame' in event && this.frames.size < MOST_NAMED) this.frames.add(event.frame);
    return false;
  }

  /** What was ignored, in one line; `undefined` for nothing. */
  describe(): string | undefined {
    if (this.events === 0) return undefined;
    const frames = this.frames.size === 0 ? '' : `, such as of frame ${[...this.frames].join(', ')}`;
    return `Spotreel ignored ${this.events} reports of Blender that it had not asked for${frames}; the scene may be hostile`;
  }
}
