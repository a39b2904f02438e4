import type { WorkerEvent } from '../../../core/jobs/worker';
import { type LogContext, logLine } from '../context';

/** How many of the last lines are kept: Blender gives its reason near the end. */
const TAIL_LINES = 40;

/** Characters kept of each line, because searching a long line for patterns is slow. */
const TAIL_CHARACTERS = 4096;

/** The last lines of an output, whatever its length. */
export class LogTail {
  private kept: string[] = [];

  add(line: string): void {
    if (line.trim() === '') return;
    this.kept.push(line.slice(0, TAIL_CHARACTERS));
    if (this.kept.length > TAIL_LINES) this.kept.shift();
  }

  lines(): readonly string[] {
    return this.kept;
  }
}

/** Lines that Blender and its libraries write when something fails. */
const FAULT =
  /\berror\b|not a blend file|out of memory|bad_alloc|alloc returns null|cannot|failed|no such file|no space left|traceback|exception|segmentation/i;

/** Lines that only report progress or the end. */
const ORDINARY = /^(Fra:|Saved:|\s*Time:|Blender quit|Read blend|Blender \d)/;

/**
 * Blender 5.0 and newer begin a line with the time since the start and the name of the module:
 * `00:00.843  cycles           | ERROR Image file …`. Reports such as `Warning: …` have no such prefix.
 */
const PREFIX = /^\d{2,}:\d{2}\.\d{3}\s+[\w.]+\s+\| /;

const LONGEST_REASON = 500;

/** Why Blender failed: the last line that reports a fault, if there is one, and how Blender ended. */
export function failureReason(lines: readonly string[], ending: string): string {
  const words = lines.filter((line) => FAULT.test(line) && !ORDINARY.test(line.replace(PREFIX, '')));
  // The line does not show how Blender ended, and the ending does not show why: both are needed.
  const last = words.at(-1)?.trim().slice(0, LONGEST_REASON);
  return last ? `${last} (${ending})` : ending;
}

/** Lines that report progress are shorter. */
const PROGRESS_CHARACTERS = 1024;

/** Blender's progress with a frame. */
export interface FrameProgress {
  readonly sample: number;
  readonly samples: number;
  /** Memory of the render engine itself, in MiB. */
  readonly memoryMib?: number;
}

/**
 * The progress that a line of Blender reports; `undefined` for other lines. Reads the formats of Blender 3.4, 4.5, 5.0 and
 * 5.2:
 *
 *     Fra:3 Mem:10.08M (Peak 10.84M) | Time:00:00.12 | Remaining:00:00.01 | Mem:0.91M, Peak:0.91M | Scene, ViewLayer | Sample 1/8
 *     00:01.326  render           | Fra:3 | Remaining: 00:00.01 | Mem: 2M | Sample 1/8
 */
export function parseBlenderProgress(line: string): FrameProgress | undefined {
  const text = line.slice(0, PROGRESS_CHARACTERS).replace(PREFIX, '');
  const match = /^Fra: ?-?\d+\b.*\bSample (\d+)\/(\d+)/.exec(text);
  if (!match) return undefined;
  const [, size, unit] = /.*\bMem: ?([\d.]+)([KMG])\b/.exec(text) ?? [];
  const mib = MIB_OF_UNIT.get(unit ?? '');
  const memoryMib = mib === undefined ? undefined : Math.round(Number(size) * mib);
  return { sample: Number(match[1]), samples: Number(match[2]), memoryMib };
}

const MIB_OF_UNIT = new Map([
  ['K', 1 / 1024],
  ['M', 1],
  ['G', 1024],
]);

/** Whose memory was full, as Blender reports it; `undefined` if no line says so. */
export function memoryWords(lines: readonly string[]): 'machine' | 'gpu' | undefined {
  const text = lines.join('\n');
  if (/out of (gpu )?memory in (cuda|optix|hip)|out of gpu memory|GPU.*out of memory/i.test(text))
    return 'gpu';
  return /bad_alloc|alloc(N|_arrayN)? returns null|out of memory/i.test(text) ? 'machine' : undefined;
}

/** Why OpenColorIO cannot load a configuration, in every Blender since 3.4; `undefined` for other lines. Pure. */
export function colorFault(line: string): string | undefined {
  const text = line.slice(0, PROGRESS_CHARACTERS);
  const [, fault] = /OpenColorIO Error: Error:? ((?:Loading the|could not read) .*)$/.exec(text) ?? [];
  return fault?.includes('OCIO profile') ? fault.slice(0, LONGEST_REASON) : undefined;
}

const MIB = 1024 * 1024;

/** MiB of the log of one attempt by default; the setting `logMiB` changes it (`SPOTREEL_LOG_MIB`). */
const USUAL_LOG_MIB = 64;

/** Milliseconds for which lines of programs wait for others. */
const HOLD_MS = 50;

/** Characters of waiting lines at most. */
const MOST_HELD = 64 * 1024;

/**
 * The log of one attempt. Beyond `mostBytes` it drops and counts lines of Blender and ffmpeg. It still writes the worker's
 * own events, which are few and bounded.
 *
 * Lines of programs wait for others up to `holdMs`, because each write wakes the reader, and a frame has a hundred lines. The
 * worker's own events are written at once, after the waiting lines.
 */
export class WorkerLog {
  /** Fields of every line. */
  context: Partial<LogContext> = {};
  private bytes = 0;
  private readonly dropped = { lines: 0, bytes: 0 };
  private held = '';
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly write: (text: string) => void,
    private readonly mostBytes: number,
    private readonly holdMs = HOLD_MS,
  ) {}

  say(event: WorkerEvent): void {
    const line = `${logLine(event, this.context)}\n`;
    const size = Buffer.byteLength(line);
    if (event.event === 'output' && event.program !== 'worker' && this.bytes + size > this.mostBytes) {
      this.drop(size);
      return;
    }
    this.bytes += size;
    this.held += line;
    const mayWait = event.event === 'output' && event.program !== 'worker' && this.held.length < MOST_HELD;
    if (mayWait) this.timer ??= setTimeout(() => this.flush(), this.holdMs);
    else this.flush();
  }

  /** Writes the waiting lines. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.held === '') return;
    this.write(this.held);
    this.held = '';
  }

  /** Writes the waiting lines, and reports how much was dropped, if anything. */
  end(): void {
    this.flush();
    const { lines, bytes } = this.dropped;
    if (lines === 0) return;
    const size = (bytes / MIB).toFixed(1);
    this.note(`dropped ${lines} lines (${size} MiB) of Blender and ffmpeg: ${this.limit()}`);
  }

  private drop(size: number): void {
    // Reported at once, because a killed attempt never reaches `end`.
    if (this.dropped.lines === 0)
      this.note(`drops lines of Blender and ffmpeg from here on: ${this.limit()}`);
    this.dropped.lines += 1;
    this.dropped.bytes += size;
  }

  private limit(): string {
    const most = this.mostBytes / MIB;
    return `the log of an attempt has at most ${most} MiB; raise the setting logMiB (SPOTREEL_LOG_MIB on this machine)`;
  }

  private note(text: string): void {
    this.say({ event: 'output', program: 'worker', line: `Spotreel ${text}` });
  }
}

/** Bytes of the log at most, from the worker's variables. */
export function mostLogBytes({ SPOTREEL_LOG_MIB }: NodeJS.ProcessEnv): number {
  const mebibytes = Number(SPOTREEL_LOG_MIB ?? USUAL_LOG_MIB);
  return (mebibytes > 0 ? mebibytes : USUAL_LOG_MIB) * MIB;
}
