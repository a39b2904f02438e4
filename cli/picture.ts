import { checksumFault, readPngHeader } from '../container/worker/frames/png';
import { programEnvironment, sandboxed } from '../container/worker/programs';
import { EXACT } from '../container/worker/video/ffmpeg';
import { runProgram } from '../core/processes/run-program';
import type { Storage } from '../core/storage/storage';

/** Protocol for pictures in a terminal. */
type PictureProtocol = 'iterm2' | 'kitty';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The picture protocol of the terminal in this environment; `undefined` if unknown. Terminals are not queried: an
 * answer would appear as typed input. tmux and screen do not pass these sequences. Pure.
 */
export function pictureProtocol(environment: Environment): PictureProtocol | undefined {
  const { TERM = '', TERM_PROGRAM = '', TMUX, STY, KITTY_WINDOW_ID, LC_TERMINAL } = environment;
  if (TMUX !== undefined || STY !== undefined || /^(tmux|screen|dumb)/.test(TERM)) return undefined;
  if (TERM === 'xterm-kitty' || TERM === 'xterm-ghostty' || TERM_PROGRAM === 'ghostty') return 'kitty';
  if (TERM_PROGRAM === 'iTerm.app' || TERM_PROGRAM === 'WezTerm') return 'iterm2';
  // The terminal that called ssh, which does not forward TERM_PROGRAM.
  if (LC_TERMINAL === 'iTerm2') return 'iterm2';
  // Terminals started from kitty inherit this variable, but usually set TERM_PROGRAM.
  return KITTY_WINDOW_ID !== undefined && TERM_PROGRAM === '' ? 'kitty' : undefined;
}

/** Most base64 characters in a sequence of kitty's protocol. */
const KITTY_CHUNK = 4096;

/** One id for all pictures, so that the terminal keeps only the last. */
const KITTY_IMAGE = 7_768;

/**
 * The sequence that shows a PNG at the cursor, `rows` lines high. It contains only base64, so no byte of the picture
 * can end it. Pure.
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

/** Moves the cursor down to make room for a picture. Pure. */
export const makeRoom = (rows: number): string => '\n'.repeat(rows);

/** Shows a picture in the room above the cursor, and restores the cursor. Pure. */
export function inRoom(picture: string, rows: number): string {
  // DECSC, up, to the first column; DECRC. https://vt100.net/docs/vt510-rm/DECSC.html
  return `\x1b7\x1b[${rows}A\r${picture}\x1b8`;
}

/** ffmpeg needs a home folder; this one is empty. */
const NO_HOME = '/nonexistent';

/** Height in pixels, enough for a screen of double density. */
const HEIGHT = 360;

/** Longest time for a picture. */
const MOST_SECONDS = 60;

/**
 * Arguments of ffmpeg to make a small 8-bit PNG from the PNG on its standard input. It reads no other format or file.
 * Pure.
 */
export function shrinkArgs(): string[] {
  const input = ['-protocol_whitelist', 'pipe', '-f', 'png_pipe', '-i', 'pipe:0'];
  const filter = `scale=-2:'min(${HEIGHT},ih)':flags=bicubic+${EXACT},format=rgba`;
  const output = ['-frames:v', '1', '-vf', filter, '-c:v', 'png', '-f', 'image2pipe', 'pipe:1'];
  return ['-hide_banner', '-loglevel', 'error', '-nostdin', '-threads', '1', ...input, ...output];
}

/**
 * Makes a small picture; `undefined` if ffmpeg fails. The picture comes from a render, so ffmpeg runs in the sandbox
 * and writes no file.
 */
async function shrinkPicture(ffmpeg: string, png: Uint8Array): Promise<Uint8Array | undefined> {
  const command = sandboxed([ffmpeg, ...shrinkArgs()], { write: [] }, process.env);
  const environment = programEnvironment(process.env, NO_HOME);
  const options = { environment, input: png, timeoutMs: MOST_SECONDS * 1000 };
  const output = await runProgram(command, options).catch(() => undefined);
  return output && output.stdout.byteLength > 0 ? output.stdout : undefined;
}

/** Height of a picture in lines. */
const ROWS = 10;

/** Seconds between pictures; more from a bucket, since downloads cost about 0.03 US dollars an hour. */
const LEAST_SECONDS = 10;
const BYTES_A_SECOND = 100_000;

/** Largest frame in bytes: larger ones take too long to download and too much memory. */
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_PIXELS = 64_000_000;

/** Settings of the picture view. */
export interface PictureViewOptions {
  /** Writes to the terminal. */
  readonly write: (text: string) => void;
  readonly protocol: PictureProtocol;
  readonly ffmpeg: string;
  readonly storage: Storage;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Shows the newest frame of a render above its progress. */
export class PictureView {
  private offered: string | undefined;
  private next = Number.NEGATIVE_INFINITY;
  private ready: Uint8Array | undefined;
  private hasRoom = false;
  /** The running download; never rejects. */
  fetching: Promise<void> | undefined;

  constructor(private readonly options: PictureViewOptions) {}

  /**
   * Starts to download the frame at `url`, unless it is the last one or the last picture is too recent. A frame that
   * fails is skipped.
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

  /** Shows the picture if a new one has arrived. `clear` ends the current line. */
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
    // Only PNGs with valid checksums reach ffmpeg.
    const size = readPngHeader(bytes);
    if (!size || size.width * size.height > MOST_PIXELS) return undefined;
    if ((await checksumFault(bytes, size)) !== undefined) return undefined;
    const small = await shrinkPicture(ffmpeg, bytes);
    return small && readPngHeader(small) ? small : undefined;
  }
}
