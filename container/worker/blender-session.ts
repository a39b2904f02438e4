import { spawn, type ChildProcess } from 'node:child_process';
import { Readable, type Writable } from 'node:stream';
import { z } from 'zod';
import { MASTER_ENDINGS } from '../../core/contract/picture-endings';
import { withLifeline } from '../../core/processes/lifeline';
import { endOf, stopProgram } from '../../core/processes/program-end';
import { programPid } from '../../core/processes/program-pid';
import { describeEnding, type MemorySetting } from './blender-ending';
import { LogTail } from './blender-log';
import { eachLine } from './each-line';
import { countMemoryKills, peakMemoryBytes } from './memory-kills';
import { SilenceAlarm } from './silence';

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
