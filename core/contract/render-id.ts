import { createHash } from 'node:crypto';
import { SpotreelError } from '../errors';
import { printableName } from '../printable';
import type { RenderOptions } from './options';

/** What makes a render the same render. */
export interface RenderIdentity {
  readonly source: URL;
  /** The version of the scene's bytes. */
  readonly etag: string;
  readonly options: RenderOptions;
}

/** Code points; leaves room for `_Rendering` in a job name of 128 characters. */
const LONGEST_NAME = 100;
const LONGEST_SLUG = 60;

/** A folder's name has at most 255 bytes; an estimate adds `-estimate` to it. */
const MOST_BYTES = 200;

/** Letters and digits of every script; not those that show nothing, such as U+3164. */
const LETTER = '(?!\\p{Default_Ignorable_Code_Point})[\\p{L}\\p{N}]';
const NAME = new RegExp(`^${LETTER}(?:${LETTER}|[\\p{M}_-])*$`, 'u');
const OTHERS = new RegExp(`(?:(?!${LETTER}|\\p{M}).)+`, 'gsu');

/**
 * Slug of the file's name + 8 hex digits of SHA-256 over bucket, key, ETag and options: the same bytes at the same
 * key with the same options are the same render, anything changed is a new one.
 */
export function renderIdOf({ source, etag, options }: RenderIdentity): string {
  const identity = [source.host, decodeURIComponent(source.pathname), etag, canonicalOptions(options)];
  const digest = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  return `${slugOf(source)}-${digest.slice(0, 8)}`;
}

/** What is the same said or left out. */
const DEFAULTS: ReadonlyMap<string, unknown> = new Map([
  ['video', 'h264'],
  ['background', '000000'],
  ['gaps', 'hold'],
]);

/** Options as pairs in one order, absent ones and defaults left out, so that equal options have equal text. */
export function canonicalOptions(options: RenderOptions): Array<[string, unknown]> {
  return Object.entries(options)
    .filter(([name, value]) => value !== undefined && value !== DEFAULTS.get(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function slugOf(source: URL): string {
  const name = decodeURIComponent(source.pathname).split('/').pop() ?? '';
  return slugText(name.replace(/\.blend$/i, '')) || 'render';
}

/**
 * A text as part of a render's name: letters keep their script, all else becomes hyphens. macOS spells letters decomposed
 * (NFD), others composed (NFC), and both are one name. Empty for a text without letters and digits. Pure.
 */
export function slugText(text: string): string {
  return trimmed(cutTo(trimmed(text.normalize('NFC').replace(OTHERS, '-')), LONGEST_SLUG));
}

/** A slug begins with a letter or digit, and ends with no hyphen. */
const trimmed = (slug: string): string => slug.replace(/^[-\p{M}]+|-+$/gu, '');

/** The first code points, within `MOST_BYTES` of UTF-8 less the digest. */
function cutTo(text: string, count: number): string {
  let kept = '';
  for (const letter of Array.from(text).slice(0, count)) {
    if (Buffer.byteLength(kept + letter) > MOST_BYTES - 9) break;
    kept += letter;
  }
  return kept;
}

/**
 * Checks a name given by hand, which becomes a folder and, in ASCII, part of a job name. Gives it composed (NFC). Throws
 * `bad-name`.
 */
export function checkRenderName(name: string): string {
  const composed = name.normalize('NFC');
  if (isRenderName(composed)) return composed;
  throw new SpotreelError(
    'bad-name',
    'usage',
    `a render's name has at most ${LONGEST_NAME} letters, digits, "-" and "_" (${MOST_BYTES} bytes), and starts with a letter or digit: not "${printableName(name)}"`,
  );
}

/** Whether a folder of that name may be a render's. */
export function isRenderName(name: string): boolean {
  return NAME.test(name) && Array.from(name).length <= LONGEST_NAME && Buffer.byteLength(name) <= MOST_BYTES;
}

/** Code points of `asciiName`, so that `_Retry100_Salvaging` still fits into a job name. */
const LONGEST_ASCII_NAME = 90;

/**
 * A render id where only ASCII is allowed, such as an AWS Batch job name. An id in ASCII stays as it is; others lose what is not
 * ASCII and get a digest, so that two ids never have one name. Pure.
 */
export function asciiName(renderId: string): string {
  if (/^[A-Za-z0-9_-]*$/.test(renderId)) return renderId;
  const ascii = renderId
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/-{2,}/g, '-')
    .replace(/^[-_]+/, '')
    .slice(0, LONGEST_ASCII_NAME - 9)
    .replace(/-+$/, '');
  const digest = createHash('sha256').update(renderId).digest('hex').slice(0, 8);
  return ascii === '' ? `render-${digest}` : `${ascii}-${digest}`;
}
