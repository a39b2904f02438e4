import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../errors';
import { parseStamped } from '../local-batch/attempt';

/** Where the output of one attempt of a job lies. */
export interface LogStream {
  /** CloudWatch Logs' log group; on this machine it says nothing. */
  readonly group: string;
  readonly name: string;
}

/** A line of a job's output. */
export interface LogLine {
  /** When it was written, in milliseconds since 1970, where that is known. */
  readonly at?: number;
  /** Without its line end. */
  readonly text: string;
}

export interface LogPage {
  readonly lines: readonly LogLine[];
  /** From where to read on. */
  readonly next: string;
  /** Whether there is nothing more at present. */
  readonly isLast: boolean;
}

/** The output of jobs, in pages of a megabyte or so. */
export interface JobLogs {
  /** Seconds after the end of an attempt in which its last lines may yet arrive. */
  readonly settleSeconds: number;
  /** The page at `from`, the first where it is absent; `undefined` where there is no such stream (yet, or any more). */
  readPage(stream: LogStream, from?: string): Promise<LogPage | undefined>;
}

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

const PAGE_BYTES = 1024 * 1024;
const NEWLINE = '\n'.charCodeAt(0);

/** The logs of the local Batch under a state directory; a page's `next` is an offset in bytes. */
export class FileJobLogs implements JobLogs {
  readonly settleSeconds = 0;

  constructor(private readonly stateDirectory: string) {}

  async readPage({ name }: LogStream, from = '0'): Promise<LogPage | undefined> {
    const offset = Number(from);
    const bytes = await this.read(name, offset);
    if (!bytes) return undefined;
    // A line without its end is being written. One that fills a page is none of the local Batch's.
    const whole = bytes.lastIndexOf(NEWLINE) + 1;
    const length = whole === 0 && bytes.length === PAGE_BYTES ? PAGE_BYTES : whole;
    const text = bytes.toString('utf8', 0, length);
    const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n').map(parseStamped);
    return { lines, next: String(offset + length), isLast: bytes.length < PAGE_BYTES };
  }

  private async read(name: string, offset: number): Promise<Buffer | undefined> {
    let file;
    try {
      file = await open(join(this.stateDirectory, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      // A link is no log.
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ELOOP') return undefined;
      throw error;
    }
    try {
      if (!(await file.stat()).isFile()) return undefined;
      const buffer = Buffer.allocUnsafe(PAGE_BYTES);
      const { bytesRead } = await file.read(buffer, 0, PAGE_BYTES, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }
}
