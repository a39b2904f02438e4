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

/** Leaves room for `_Rendering` in a job name of 128 characters. */
const LONGEST_NAME = 100;
const LONGEST_SLUG = 60;

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
  const slug = name
    .replace(/\.blend$/i, '')
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .slice(0, LONGEST_SLUG)
    .replace(/^-+|-+$/g, '');
  return slug || 'render';
}

/** A name given by hand, checked: it becomes a folder and part of a job name. Throws `bad-name`. */
export function checkRenderName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name) && name.length <= LONGEST_NAME) return name;
  throw new SpotreelError(
    'bad-name',
    'usage',
    `a render's name is at most ${LONGEST_NAME} letters, digits, - and _, and starts with a letter or digit: not "${printableName(name)}"`,
  );
}
