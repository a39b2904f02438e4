import { cutText } from './cut-text';

/** Control characters, half surrogate pairs, and characters that turn the direction of text: each could falsify what a reader sees. */
const TREACHEROUS =
  // oxlint-disable-next-line no-control-regex -- control characters are the subject
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\p{Surrogate}]/gu;

/** Characters of a name or path that are shown; nothing that anybody typed is longer. */
const LONGEST_NAME = 300;

/**
 * Text for a terminal or a log: names and messages that come from a scene may hold control characters, which could move
 * the cursor or rewrite what stands there. Line breaks stay.
 */
export function printable(text: string): string {
  return text.replace(TREACHEROUS, escaped);
}

/** A name or path out of a file, to stand within a line: `printable`, without line breaks, and cut where it is too long. */
export function printableName(name: string): string {
  return printableLine(name, LONGEST_NAME);
}

/** Text as one line: `printable`, without line breaks, and cut after `longest` characters. */
export function printableLine(text: string, longest: number): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return printable(shown).replaceAll('\n', '\\u000a');
}

/** Bytes of a reason. */
const MOST_REASON_BYTES = 4096;

/** Why something failed, in words that may come from a scene: `printable`, and cut where it is too long. */
export function printableReason(reason: string): string {
  return cutText(printable(reason), MOST_REASON_BYTES);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
