import { checksumFault } from '../../container/worker/frame-check';
import { readPngHeader } from '../../container/worker/png-chunks';
import type { Storage } from '../../core/storage/storage';
import { encodePicture, inRoom, makeRoom } from './encode-picture';
import type { PictureProtocol } from './picture-protocol';
import { shrinkPicture } from './shrink-picture';

/** Lines of the screen that a picture takes. */
const ROWS = 10;

/** Seconds between two pictures, more for those from a bucket, as each byte costs its way to here: 0.03 US dollars an hour so. */
const LEAST_SECONDS = 10;
const BYTES_A_SECOND = 100_000;

/** A frame that is larger is left alone: it would take long to fetch, and memory to unpack. */
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_PIXELS = 64_000_000;

/** What shows pictures, and how. */
export interface PictureViewOptions {
  /** To the terminal. */
  readonly write: (text: string) => void;
  readonly protocol: PictureProtocol;
  readonly ffmpeg: string;
  readonly storage: Storage;
  /** Milliseconds. */
  readonly now: () => number;
}

/** The newest frame of a render, small, in a place of its own above what else is told of it. */
export class PictureView {
  private offered: string | undefined;
  private next = Number.NEGATIVE_INFINITY;
  private ready: Uint8Array | undefined;
  private hasRoom = false;
  /** What is being fetched; never rejects. */
  fetching: Promise<void> | undefined;

  constructor(private readonly options: PictureViewOptions) {}

  /**
   * Begins to fetch the frame at `url`, unless it was the last, or that was a moment ago. One that can't be had, or is no PNG,
   * is not shown; the next one may be.
   */
  offer(url: URL | undefined): void {
    if (!url || this.fetching || url.href === this.offered || this.options.now() < this.next) return;
    this.offered = url.href;
    this.fetching = this.fetch(url)
      .then(
        (picture) => void (this.ready = picture ?? this.ready),
        () => undefined,
      )
      .finally(() => {
        this.fetching = undefined;
        this.next = Math.max(this.next, this.options.now() + LEAST_SECONDS * 1000);
      });
  }

  /** Shows what has come since the last time. `clear` ends the line that the cursor is in. */
  draw(clear: () => void): void {
    const { write, protocol } = this.options;
    if (!this.ready) return;
    if (!this.hasRoom) {
      clear();
      write(makeRoom(ROWS));
    }
    this.hasRoom = true;
    write(inRoom(encodePicture(this.ready, ROWS, protocol), ROWS));
    this.ready = undefined;
  }

  private async fetch(url: URL): Promise<Uint8Array | undefined> {
    const { storage, ffmpeg, now } = this.options;
    const head = await storage.head(url);
    if (!head || head.size > MOST_BYTES) return undefined;
    if (url.protocol !== 'file:') this.next = now() + (head.size / BYTES_A_SECOND) * 1000;
    const bytes = await storage.get(url);
    // Whatever lies there goes into a program of this machine: a PNG whose checksums hold, and nothing else.
    const size = readPngHeader(bytes);
    if (!size || size.width * size.height > MOST_PIXELS) return undefined;
    if ((await checksumFault(bytes, size)) !== undefined) return undefined;
    const small = await shrinkPicture(ffmpeg, bytes);
    return small && readPngHeader(small) ? small : undefined;
  }
}
