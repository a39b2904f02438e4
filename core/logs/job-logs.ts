import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../errors';
import { parseStamped } from '../local-batch/attempt';

/** The log of one attempt of a job. */
export interface LogStream {
  /** CloudWatch Logs' log group; the local Batch ignores it. */
  readonly group: string;
  readonly name: string;
}

/** A line of a job's output. */
export interface LogLine {
  /** When it was written, in milliseconds since 1970; absent if unknown. */
  readonly at?: number;
  /** Without its line end. */
  readonly text: string;
}

export interface LogPage {
  readonly lines: readonly LogLine[];
  /** The start of the next page. */
  readonly next: string;
  /** Whether the stream has no more lines now. */
  readonly isLast: boolean;
}

/** The output of jobs, in pages of about 1 MB. */
export interface JobLogs {
  /** How many seconds after its end the last lines of an attempt may arrive. */
  readonly settleSeconds: number;
  /** The page at `from`, the first page by default; `undefined` if the stream does not exist (yet, or any more). */
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
    // A line without a line end is being written. The local Batch writes no line that fills a page.
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
      // The local Batch writes no links.
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
