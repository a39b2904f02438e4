import { StringDecoder } from 'node:string_decoder';

/** `45 s`, `3 min 20 s`, `2 h 05 min`. Negative times, after a change of the clock, count as 0. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** As `formatSeconds`, with tenths below 10 s and hundredths below 1 s: `0.42 s`, `7.3 s`. */
export function formatExactSeconds(seconds: number): string {
  if (seconds >= 10) return formatSeconds(seconds);
  return `${Math.max(0, seconds).toFixed(seconds < 1 ? 2 : 1)} s`;
}

/** The text of the first bytes, without a half character at the end, and a note of how many bytes were dropped. */
export function cutBytes(kept: Uint8Array, droppedBytes: number): string {
  const text = new StringDecoder('utf8').write(Buffer.from(kept.buffer, kept.byteOffset, kept.byteLength));
  return `${text}… [Spotreel dropped ${droppedBytes} bytes]`;
}

/** The text, or its start with a note if it has more than `mostBytes` in UTF-8. */
function cutText(text: string, mostBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= mostBytes) return text;
  return cutBytes(bytes.subarray(0, mostBytes), bytes.length - mostBytes);
}

/** Control characters, half surrogate pairs, and characters that change the text's direction: each could falsify the shown text. */
const TREACHEROUS =
  // oxlint-disable-next-line no-control-regex -- control characters are the subject
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\p{Surrogate}]/gu;

/** Most characters of a shown name or path. */
const LONGEST_NAME = 300;

/**
 * Text for a terminal or a log. Escapes control characters, because names and messages of a scene could use them to move the cursor or
 * overwrite text. Keeps line breaks.
 */
export function printable(text: string): string {
  return text.replace(TREACHEROUS, escaped);
}

/** A name or path from a file, for use in a line: `printable`, without line breaks, and cut if it is too long. */
export function printableName(name: string): string {
  return printableLine(name, LONGEST_NAME);
}

/** Text as one line: `printable`, without line breaks, and cut after `longest` characters. */
export function printableLine(text: string, longest: number): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return printable(shown).replaceAll('\n', '\\u000a');
}

/** Most bytes of a reason. */
const MOST_REASON_BYTES = 4096;

/** A reason that may come from a scene: `printable`, and cut if it is too long. */
export function printableReason(reason: string): string {
  return cutText(printable(reason), MOST_REASON_BYTES);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** `1 frame`, `2 frames`. Pure. */
export function countOf(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : `${noun}s`}`;
}

/** `A, B and 3 more`: the first `most` names; `total` also counts names that are not in `names`. */
export function listNames(names: readonly string[], most: number, total = names.length): string {
  const shown = names.slice(0, most);
  const rest = total - shown.length;
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** The text for smaller amounts. */
export const LEAST_USD = 'under 0.0001';

/** `0.0042`, `0.13`, `12.40`, `1,204`: at least two significant digits from 0.001 up. */
export function formatUsd(usd: number): string {
  if (usd >= 1000) return Math.round(usd).toLocaleString('en-US');
  if (usd >= 0.1 || usd === 0) return usd.toFixed(2);
  return usd < 0.0001 ? LEAST_USD : usd.toFixed(usd < 0.01 ? 4 : 3);
}
