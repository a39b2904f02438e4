import type { WorkerEvent } from '../../core/contract/worker-event';
import { logLine, type LogContext } from './log-context';

const MIB = 1024 * 1024;

/** MiB of the log of one attempt, unless the setting `logMiB` says otherwise (`SPOTREEL_LOG_MIB`). */
const USUAL_LOG_MIB = 64;

/**
 * The log of one attempt. Once it has `mostBytes`, lines of Blender and ffmpeg are dropped and counted; the worker's own events, which
 * are few and bounded, are still written.
 */
export class WorkerLog {
  /** What stands in every line. */
  context: Partial<LogContext> = {};
  private bytes = 0;
  private readonly dropped = { lines: 0, bytes: 0 };

  constructor(
    private readonly write: (text: string) => void,
    private readonly mostBytes: number,
  ) {}

  say(event: WorkerEvent): void {
    const line = `${logLine(event, this.context)}\n`;
    const size = Buffer.byteLength(line);
    if (event.event === 'output' && event.program !== 'worker' && this.bytes + size > this.mostBytes) {
      this.drop(size);
      return;
    }
    this.bytes += size;
    this.write(line);
  }

  /** Says how much was dropped, if anything. */
  end(): void {
    const { lines, bytes } = this.dropped;
    if (lines === 0) return;
    const size = (bytes / MIB).toFixed(1);
    this.note(`dropped ${lines} lines (${size} MiB) of Blender and ffmpeg: ${this.limit()}`);
  }

  private drop(size: number): void {
    // Also at once: an attempt that is killed has no end.
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

/** From the worker's variables. */
export function mostLogBytes({ SPOTREEL_LOG_MIB }: NodeJS.ProcessEnv): number {
  const mebibytes = Number(SPOTREEL_LOG_MIB ?? USUAL_LOG_MIB);
  return (mebibytes > 0 ? mebibytes : USUAL_LOG_MIB) * MIB;
}
