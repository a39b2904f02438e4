/** Where the output of one attempt of a job lies. */
export interface LogStream {
  /** CloudWatch Logs' log group; on this machine it says nothing. */
  readonly group: string;
  readonly name: string;
}

/** A line of a job's output. */
export interface LogLine {
  /** When it was written, in milliseconds since 1970, where that is known. */
  readonly at?: number | undefined;
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
