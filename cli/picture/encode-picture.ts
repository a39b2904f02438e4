import type { PictureProtocol } from './picture-protocol';

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
