import { spawn, type ChildProcess } from 'node:child_process';
import { Readable, type Writable } from 'node:stream';
import { z } from 'zod';
import { withLifeline } from '../../core/processes/lifeline';
import { failureReason, LogTail } from './blender-log';
import { eachLine } from './each-line';

const sessionEventSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('ready') }),
  z.object({ event: z.literal('started'), frame: z.int() }),
  z.object({ event: z.literal('saved'), frame: z.int(), seconds: z.number().min(0) }),
  z.object({ event: z.literal('failed'), frame: z.int(), reason: z.string() }),
  z.object({ event: z.literal('unusable'), reason: z.string() }),
]);

/** What `render_frames.py` tells. */
export type SessionEvent = z.infer<typeof sessionEventSchema>;

/** How a Blender ended. */
export interface SessionEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The best that its output says about why, should it have failed. */
  readonly reason: string;
}

export interface SessionOptions {
  readonly blender: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly onEvent: (event: SessionEvent) => void;
  readonly onOutput: (line: string) => void;
}

/** Seconds between asking Blender to end and ending it. */
const KILL_AFTER_SECONDS = 5;

/** The index of the pipe in Blender's file descriptors on which the script tells its events. */
const EVENTS = 3;

/** One running Blender that renders the frames it is told to. */
export class BlenderSession {
  /** Resolves when Blender is gone and all it said has been heard. Rejects when it could not be started. */
  readonly ended: Promise<SessionEnd>;
  private readonly process: ChildProcess;
  private readonly tail = new LogTail();

  constructor({ blender, args, environment, onEvent, onOutput }: SessionOptions) {
    const [program, ...argv] = withLifeline([blender, ...args]);
    this.process = spawn(program!, argv, { env: environment, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    // Blender may end before it has read all frames; that shows in how it ended.
    this.process.stdin?.on('error', () => undefined);
    const heard = [
      eachLine(this.process.stdout, (line) => this.hear(line, onOutput)),
      eachLine(this.process.stderr, (line) => this.hear(line, onOutput)),
      eachLine(readable(this.process.stdio[EVENTS]), (line) => tellEvent(line, onEvent)),
    ];
    this.ended = this.waitForEnd(heard);
  }

  /** Asks for one frame. */
  render(frame: number): void {
    this.process.stdin?.write(`${frame}\n`);
  }

  /** No more frames: Blender ends after the one that it is rendering. */
  finish(): void {
    this.process.stdin?.end();
  }

  /** Ends Blender now. */
  kill(): void {
    this.process.kill('SIGTERM');
    setTimeout(() => this.process.kill('SIGKILL'), KILL_AFTER_SECONDS * 1000).unref();
  }

  private hear(line: string, onOutput: (line: string) => void): void {
    this.tail.add(line);
    onOutput(line);
  }

  private async waitForEnd(heard: Array<Promise<void>>): Promise<SessionEnd> {
    const [exitCode, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
      (resolve, reject) => {
        this.process.once('error', reject);
        this.process.once('close', (code, name) => resolve([code, name]));
      },
    );
    await Promise.all(heard);
    return { exitCode, signal, reason: failureReason(this.tail.lines(), exitCode, signal) };
  }
}

function readable(stream: Readable | Writable | null | undefined): Readable | null {
  return stream instanceof Readable ? stream : null;
}

function tellEvent(line: string, listener: (event: SessionEvent) => void): void {
  const event = sessionEventSchema.safeParse(parseOrUndefined(line)).data;
  if (event) listener(event);
}

function parseOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
