import { createHash } from 'node:crypto';
import { SpotreelError } from '../errors';
import { printableName } from '../text';
import type { RenderOptions } from './options';

/** How the files end that Blender saves for one frame each, and their content types. Pure data. */

const PICTURE_TYPES = {
  png: 'image/png',
  exr: 'image/x-exr',
  jpg: 'image/jpeg',
  tif: 'image/tiff',
  webp: 'image/webp',
  dpx: 'image/x-dpx',
  hdr: 'image/vnd.radiance',
  avif: 'image/avif',
  jp2: 'image/jp2',
  j2c: 'image/j2c',
  cin: 'image/x-cineon',
  tga: 'image/x-tga',
  bmp: 'image/bmp',
  rgb: 'image/x-sgi',
} as const;

/** A picture that Blender writes and that Spotreel can check. */
export type PictureEnding = keyof typeof PICTURE_TYPES;

/** A frame in the scene's own format, kept beside the PNG. */
export type MasterEnding = Exclude<PictureEnding, 'png'>;

const isPictureEnding = (text: string): text is PictureEnding => Object.hasOwn(PICTURE_TYPES, text);

export const MASTER_ENDINGS: readonly MasterEnding[] = Object.keys(PICTURE_TYPES).filter(
  (ending): ending is MasterEnding => isPictureEnding(ending) && ending !== 'png',
);

export const contentTypeOf = (ending: PictureEnding): string => PICTURE_TYPES[ending];

/** The ending of a file's name; `undefined` for a file that Spotreel cannot check. */
export function pictureEndingOf(name: string): PictureEnding | undefined {
  const ending = /\.([a-z0-9]{1,4})$/.exec(name)?.[1];
  return ending !== undefined && isPictureEnding(ending) ? ending : undefined;
}

/** The folder of a farm's bucket under which each render has its own. Not within uploads: a render must trigger none. */
export const OUTPUT_PREFIX = 'renders/';

/** The folder of a farm's bucket with what renders may cost: beside that of the renders, so that few objects are looked at. */
export const CAPS_PREFIX = 'caps/';

/** `url` as a folder: with a slash at the end. */
export function folderUrl(url: URL): URL {
  if (url.pathname.endsWith('/')) return url;
  const folder = new URL(url);
  folder.pathname += '/';
  return folder;
}

/** Exists while somebody submits a render's jobs. The submit Lambda may delete it. */
export const CLAIM_NAME = 'submitting.json';

/** `0001.png`: padded to at least 4 digits, the sign before them, as Blender itself writes `####`. */
export function frameName(frame: number, ending: 'png' | MasterEnding = 'png'): string {
  return `${frame < 0 ? '-' : ''}${String(Math.abs(frame)).padStart(4, '0')}.${ending}`;
}

const FRAME_NAME = /^(-?)(\d{4,7})\.png$/;

/** The frame whose file this is; `undefined` for a file that is no frame's. */
export function frameOfName(name: string): number | undefined {
  const match = FRAME_NAME.exec(name);
  if (!match) return undefined;
  const frame = Number(match[1] + match[2]!);
  return frameName(frame) === name ? frame : undefined;
}

const RETRY_NAME = /^[1-9]\d{0,8}\.json$/;

/** The number of the retry that this file of `retries/` plans; `undefined` for a file that plans none. */
export function retryOfName(name: string): number | undefined {
  return RETRY_NAME.test(name) ? Number(name.slice(0, -'.json'.length)) : undefined;
}

const FAILURE_NAME = /^-?\d{1,7}\.json$/;

/** The frame whose failure this file of `failures/` tells of; `undefined` for a file that tells of none. */
export function frameOfFailure(name: string): number | undefined {
  return FAILURE_NAME.test(name) ? Number(name.slice(0, -'.json'.length)) : undefined;
}

const MASTER_ENDING = new RegExp(`\\.(${MASTER_ENDINGS.join('|')})$`);

/** The frame whose master this is; `undefined` for a file that is no master. */
export function frameOfMaster(name: string): number | undefined {
  return MASTER_ENDING.test(name) ? frameOfName(name.replace(MASTER_ENDING, '.png')) : undefined;
}

/** A file that a File Output node of the compositor wrote for one frame. */
export interface FileOutput {
  /** The node's folder; letters of any script, digits, `-`, `_` and `.`. */
  readonly node: string;
  /** Its path below that, as Blender names it, with `/`. */
  readonly file: string;
}

/** Files of one frame at most. */
export const MOST_OUTPUTS = 256;

/** Characters of a name, and parts of a file's path: more than `file_outputs.py` allows, with the frame's number and an ending. */
const MOST_LETTERS = 200;
const MOST_PARTS = 16;

const NODE = /^[\p{L}\p{M}\p{N}_-][\p{L}\p{M}\p{N}_.-]*$/u;

const UNSAFE = /[\p{C}:*?"<>|\\]/u;

/** Whether the names are ones that Spotreel gives: they stay below the folder of outputs, on every system. Pure. */
export function isFileOutput({ node, file }: FileOutput): boolean {
  const parts = file.split('/');
  const areSafe = [node, ...parts].every(
    (part) =>
      part !== '' && part !== '.' && part !== '..' && part.length <= MOST_LETTERS && !UNSAFE.test(part),
  );
  return areSafe && NODE.test(node) && parts.length <= MOST_PARTS;
}

/** The folder with a folder for each File Output node. */
export const outputsFolder = (render: URL): URL => new URL('./outputs/', folderUrl(render));

/** Where a file of a File Output node is kept. Other than all other keys, it may need escaping. */
export function outputUrl(render: URL, { node, file }: FileOutput): URL {
  const parts = [node, ...file.split('/')].map(encodeURIComponent);
  return new URL(`./${parts.join('/')}`, outputsFolder(render));
}

/** The opposite: the file that is kept there; `undefined` if Spotreel keeps none of that name. */
export function fileOutputAt(url: URL, render: URL): FileOutput | undefined {
  const [node = '', ...parts] = url.pathname
    .slice(outputsFolder(render).pathname.length)
    .split('/')
    .map(decoded);
  const output = { node, file: parts.join('/') };
  return isFileOutput(output) ? output : undefined;
}

/** Whether a file may be of one of these frames: its name has the frame's number, or none at all. */
export function mayBeOfFrames({ file }: FileOutput, frames: ReadonlySet<number>): boolean {
  const name = file.split('/').at(-1)!;
  const numbers = name.match(/-?\d+/g) ?? [];
  return (
    numbers.length === 0 ||
    numbers.some((text) => frames.has(Number(text)) || frames.has(Math.abs(Number(text))))
  );
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

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

/** A scene of this machine by its name alone, for an id that stays when a project's folder moves; others as they are. Pure. */
export function sourceWithoutFolder(source: URL): URL {
  return source.protocol === 'file:' ? new URL(`file:///${source.pathname.split('/').pop()}`) : source;
}

/**
 * The id of a render on this machine, without the scene's folder in it. Ids of earlier versions had it: a render that has
 * such an id, by `hasPlan`, keeps it.
 */
export async function movableRenderId(
  identity: RenderIdentity,
  hasPlan: (renderId: string) => Promise<boolean>,
): Promise<string> {
  const id = renderIdOf({ ...identity, source: sourceWithoutFolder(identity.source) });
  const older = renderIdOf(identity);
  return !(await hasPlan(id)) && (await hasPlan(older)) ? older : id;
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

/** The folder of the bucket in which uploads are looked for. Nothing that a render writes lies under it. */
export const UPLOAD_PREFIX = 'uploads/';

/** The folder below the uploads in which the command line stores scenes and their files by their content. */
export const SUBMITTED_FOLDER = 'submitted';

/** How a scene's file ends, in any case. Blender's own backups end in `.blend1`. */
export const UPLOAD_ENDING = '.blend';

/** Half of a surrogate pair: no URL can name such a key, and S3 has none. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** `<name>.blend` or `<project>/<name>.blend`; the `s` flag because a key may hold line breaks. */
const SCENE = /^(?:(?<project>[^/]+)\/)?[^/]+\.blend$/is;

/**
 * Whether an object created at `key` (as it is, not encoded) starts a render: `uploads/<name>.blend` or
 * `uploads/<project>/<name>.blend`. Deeper ones are assets that a scene links to; anywhere else nothing starts.
 * A project `.` or `..`, or a key that is no valid Unicode text, starts nothing either, as no URL can name it.
 */
export function startsRender(key: string): boolean {
  if (!key.startsWith(UPLOAD_PREFIX) || LONE_SURROGATE.test(key)) return false;
  const match = SCENE.exec(key.slice(UPLOAD_PREFIX.length));
  const project = match?.groups?.project;
  return match !== null && project !== '.' && project !== '..';
}
