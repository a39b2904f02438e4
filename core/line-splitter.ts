import { cutBytes } from './cut-text';

/** Bytes of a line of Blender's or ffmpeg's output; the rest of a longer line is dropped. */
export const MOST_LINE_BYTES = 64 * 1024;

const [LINE_FEED, CARRIAGE_RETURN] = [0x0a, 0x0d];

/**
 * Cuts a stream of bytes into lines, without their line ends (LF, CR LF or CR). A line over `mostBytes` is cut and ends with a note of
 * how many bytes were dropped, so that output without line ends can't fill the memory.
 */
export class LineSplitter {
  readonly #line: Buffer;
  readonly #onLine: (line: string) => void;
  #length = 0;
  #droppedBytes = 0;
  #isAfterReturn = false;

  constructor(onLine: (line: string) => void, mostBytes = MOST_LINE_BYTES) {
    this.#onLine = onLine;
    this.#line = Buffer.allocUnsafe(mostBytes);
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) {
        this.#isAfterReturn = false;
        continue;
      }
      if (byte === LINE_FEED && this.#isAfterReturn) {
        this.#isAfterReturn = false;
      } else {
        this.#keep(chunk.subarray(start, at));
        this.#endLine();
        this.#isAfterReturn = byte === CARRIAGE_RETURN;
      }
      start = at + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  /** Hands on a last line that has no line end. */
  end(): void {
    if (this.#length > 0) this.#endLine();
  }

  #keep(part: Uint8Array): void {
    const kept = part.subarray(0, this.#line.length - this.#length);
    this.#line.set(kept, this.#length);
    this.#length += kept.length;
    this.#droppedBytes += part.length - kept.length;
  }

  #endLine(): void {
    const bytes = this.#line.subarray(0, this.#length);
    const line = this.#droppedBytes > 0 ? cutBytes(bytes, this.#droppedBytes) : bytes.toString();
    this.#length = 0;
    this.#droppedBytes = 0;
    this.#onLine(line);
  }
}
