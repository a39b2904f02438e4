import { checksumFault, readPngHeader } from '../container/worker/frames/png';
import { programEnvironment, sandboxed } from '../container/worker/programs';
import { EXACT } from '../container/worker/video/ffmpeg';
import { runProgram } from '../core/processes/run-program';
import type { Storage } from '../core/storage/storage';

/** How a terminal is sent a picture. */
type PictureProtocol = 'iterm2' | 'kitty';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * By which protocol the terminal of this environment shows pictures; `undefined` where it is not known to show any. None is
 * asked: an answer would come where a user types. Within tmux and screen none, as they hand on no such sequence. Pure.
 */
export function pictureProtocol(environment: Environment): PictureProtocol | undefined {
  const { TERM = '', TERM_PROGRAM = '', TMUX, STY, KITTY_WINDOW_ID, LC_TERMINAL } = environment;
  if (TMUX !== undefined || STY !== undefined || /^(tmux|screen|dumb)/.test(TERM)) return undefined;
  if (TERM === 'xterm-kitty' || TERM === 'xterm-ghostty' || TERM_PROGRAM === 'ghostty') return 'kitty';
  if (TERM_PROGRAM === 'iTerm.app' || TERM_PROGRAM === 'WezTerm') return 'iterm2';
  // The terminal in which ssh was called, which hands on no TERM_PROGRAM.
  if (LC_TERMINAL === 'iTerm2') return 'iterm2';
  // Other terminals that were started from kitty inherit this one, but have a TERM_PROGRAM of their own, if any.
  return KITTY_WINDOW_ID !== undefined && TERM_PROGRAM === '' ? 'kitty' : undefined;
}

/** Most base64 in one sequence of kitty's protocol. */
const KITTY_CHUNK = 4096;

/** One name for all pictures of a process, so that the terminal keeps only the last. */
const KITTY_IMAGE = 7_768;

/**
 * The sequence that shows a PNG where the cursor is, `rows` lines high. Of the bytes nothing goes out but base64, so whatever is in
 * them can't end the sequence. Pure.
 */
export function encodePicture(png: Uint8Array, rows: number, protocol: PictureProtocol): string {
  const base64 = Buffer.from(png.buffer, png.byteOffset, png.byteLength).toString('base64');
  return protocol === 'kitty' ? encodeKitty(base64, rows) : encodeITerm2(base64, png.byteLength, rows);
}

/** https://iterm2.com/documentation-images.html */
function encodeITerm2(base64: string, bytes: number, rows: number): string {
  const keys = `inline=1;size=${bytes};width=auto;height=${rows};preserveAspectRatio=1`;
  return `\x1b]1337;File=${keys}:${base64}\x07`;
}

/**
 * PNG (`f=100`), sent and shown (`a=T`) without an answer (`q=2`) and without moving the cursor (`C=1`).
 * https://sw.kovidgoyal.net/kitty/graphics-protocol/
 */
function encodeKitty(base64: string, rows: number): string {
  const chunks: string[] = [];
  for (let at = 0; at < base64.length || at === 0; at += KITTY_CHUNK) {
    const keys = at === 0 ? `a=T,f=100,i=${KITTY_IMAGE},r=${rows},q=2,C=1,` : '';
    const more = at + KITTY_CHUNK < base64.length ? 1 : 0;
    chunks.push(`\x1b_G${keys}m=${more};${base64.slice(at, at + KITTY_CHUNK)}\x1b\\`);
  }
  return chunks.join('');
}

/** Lines of the screen for a picture, above the line with the cursor. Pure. */
export const makeRoom = (rows: number): string => '\n'.repeat(rows);

/** Shows a picture in the room that was made for it, and has the cursor where it was. Pure. */
export function inRoom(picture: string, rows: number): string {
  // DECSC, up, to the first column; DECRC. https://vt100.net/docs/vt510-rm/DECSC.html
  return `\x1b7\x1b[${rows}A\r${picture}\x1b8`;
}

/** ffmpeg needs a home folder; none in which it finds anything. */
const NO_HOME = '/nonexistent';

/** Pixels high, enough for as many lines on a screen of double density. */
const HEIGHT = 360;

/** A picture that takes longer is not worth it. */
const MOST_SECONDS = 60;

/** What ffmpeg is told to make a small PNG, of 8 bits, of the PNG that comes in. It reads no other format, and nothing but the pipe. Pure. */
export function shrinkArgs(): string[] {
  const input = ['-protocol_whitelist', 'pipe', '-f', 'png_pipe', '-i', 'pipe:0'];
  const filter = `scale=-2:'min(${HEIGHT},ih)':flags=bicubic+${EXACT},format=rgba`;
  const output = ['-frames:v', '1', '-vf', filter, '-c:v', 'png', '-f', 'image2pipe', 'pipe:1'];
  return ['-hide_banner', '-loglevel', 'error', '-nostdin', '-threads', '1', ...input, ...output];
}

/**
 * The picture, small; `undefined` if ffmpeg makes none of it. A render made the picture, so ffmpeg runs in the sandbox and
 * writes no file.
 */
async function shrinkPicture(ffmpeg: string, png: Uint8Array): Promise<Uint8Array | undefined> {
  const command = sandboxed([ffmpeg, ...shrinkArgs()], { write: [] }, process.env);
  const environment = programEnvironment(process.env, NO_HOME);
  const options = { environment, input: png, timeoutMs: MOST_SECONDS * 1000 };
  const output = await runProgram(command, options).catch(() => undefined);
  return output && output.stdout.byteLength > 0 ? output.stdout : undefined;
}

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
