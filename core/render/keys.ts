import { createHash } from 'node:crypto';
import { SpotreelError } from '../errors';
import { printableName } from '../text';
import type { RenderOptions } from './options';

/** Endings and content types of the files that Blender saves for one frame each. Pure data. */

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

/** A picture format that Blender writes and Spotreel can check. */
export type PictureEnding = keyof typeof PICTURE_TYPES;

/** A frame in the scene's own format, kept beside the PNG. */
export type MasterEnding = Exclude<PictureEnding, 'png'>;

const isPictureEnding = (text: string): text is PictureEnding => Object.hasOwn(PICTURE_TYPES, text);

export const MASTER_ENDINGS: readonly MasterEnding[] = Object.keys(PICTURE_TYPES).filter(
  (ending): ending is MasterEnding => isPictureEnding(ending) && ending !== 'png',
);

export const contentTypeOf = (ending: PictureEnding): string => PICTURE_TYPES[ending];

/** The ending of a file's name; `undefined` if Spotreel cannot check such files. */
export function pictureEndingOf(name: string): PictureEnding | undefined {
  const ending = /\.([a-z0-9]{1,4})$/.exec(name)?.[1];
  return ending !== undefined && isPictureEnding(ending) ? ending : undefined;
}

/** The folder of all renders in a farm's bucket. It is outside the uploads, because a render must not start renders. */
export const OUTPUT_PREFIX = 'renders/';

/** The folder of cost caps in a farm's bucket. It is outside the renders, so that a listing of caps is short. */
export const CAPS_PREFIX = 'caps/';

/** `url` as a folder: with a slash at the end. */
export function folderUrl(url: URL): URL {
  if (url.pathname.endsWith('/')) return url;
  const folder = new URL(url);
  folder.pathname += '/';
  return folder;
}

/** Exists while a process submits a render's jobs. The submit Lambda may delete it. */
export const CLAIM_NAME = 'submitting.json';

/** `0001.png`: padded to at least 4 digits after the sign, as Blender writes `####`. */
export function frameName(frame: number, ending: 'png' | MasterEnding = 'png'): string {
  return `${frame < 0 ? '-' : ''}${String(Math.abs(frame)).padStart(4, '0')}.${ending}`;
}

const FRAME_NAME = /^(-?)(\d{4,7})\.png$/;

/** The frame of a file; `undefined` for other files. */
export function frameOfName(name: string): number | undefined {
  const match = FRAME_NAME.exec(name);
  if (!match) return undefined;
  const frame = Number(match[1] + match[2]!);
  return frameName(frame) === name ? frame : undefined;
}

const RETRY_NAME = /^[1-9]\d{0,8}\.json$/;

/** The number of the retry that this file of `retries/` plans; `undefined` for other files. */
export function retryOfName(name: string): number | undefined {
  return RETRY_NAME.test(name) ? Number(name.slice(0, -'.json'.length)) : undefined;
}

const FAILURE_NAME = /^-?\d{1,7}\.json$/;

/** The frame whose failure this file of `failures/` describes; `undefined` for other files. */
export function frameOfFailure(name: string): number | undefined {
  return FAILURE_NAME.test(name) ? Number(name.slice(0, -'.json'.length)) : undefined;
}

const MASTER_ENDING = new RegExp(`\\.(${MASTER_ENDINGS.join('|')})$`);

/** The frame of a master; `undefined` for other files. */
export function frameOfMaster(name: string): number | undefined {
  return MASTER_ENDING.test(name) ? frameOfName(name.replace(MASTER_ENDING, '.png')) : undefined;
}

/** A file that a File Output node of the compositor wrote for one frame. */
export interface FileOutput {
  /** The node's folder: letters of any script, digits, `-`, `_` and `.`. */
  readonly node: string;
  /** Its path below the node's folder, from Blender, with `/`. */
  readonly file: string;
}

/** Most files of one frame. */
export const MOST_OUTPUTS = 256;

/**
 * Most characters of a name and of a part of a path: more than `file_outputs.py` allows, plus the frame's number and
 * an ending.
 */
const MOST_LETTERS = 200;
const MOST_PARTS = 16;

const NODE = /^[\p{L}\p{M}\p{N}_-][\p{L}\p{M}\p{N}_.-]*$/u;

const UNSAFE = /[\p{C}:*?"<>|\\]/u;

/** Whether Spotreel gives such names: they stay below the folder of outputs on every system. Pure. */
export function isFileOutput({ node, file }: FileOutput): boolean {
  const parts = file.split('/');
  const areSafe = [node, ...parts].every(
    (part) =>
      part !== '' && part !== '.' && part !== '..' && part.length <= MOST_LETTERS && !UNSAFE.test(part),
  );
  return areSafe && NODE.test(node) && parts.length <= MOST_PARTS;
}

/** The folder of outputs, with a folder for each File Output node. */
export const outputsFolder = (render: URL): URL => new URL('./outputs/', folderUrl(render));

/** The place of a file of a File Output node. Unlike all other keys, it may need escaping. */
export function outputUrl(render: URL, { node, file }: FileOutput): URL {
  const parts = [node, ...file.split('/')].map(encodeURIComponent);
  return new URL(`./${parts.join('/')}`, outputsFolder(render));
}

/** The opposite of `outputUrl`; `undefined` if Spotreel writes no file of that name. */
export function fileOutputAt(url: URL, render: URL): FileOutput | undefined {
  const [node = '', ...parts] = url.pathname
    .slice(outputsFolder(render).pathname.length)
    .split('/')
    .map(decoded);
  const output = { node, file: parts.join('/') };
  return isFileOutput(output) ? output : undefined;
}

/** Whether a file may belong to one of these frames: its name has the frame's number, or no number. */
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

/** The identity of a render. */
export interface RenderIdentity {
  readonly source: URL;
  /** The version of the scene file. */
  readonly etag: string;
  readonly options: RenderOptions;
}

/** Most code points; leaves room for `_Rendering` in a job name of 128 characters. */
const LONGEST_NAME = 100;
const LONGEST_SLUG = 60;

/** Most bytes: a folder's name has at most 255, and an estimate adds `-estimate`. */
const MOST_BYTES = 200;

/** Letters and digits of every script, without invisible ones such as U+3164. */
const LETTER = '(?!\\p{Default_Ignorable_Code_Point})[\\p{L}\\p{N}]';
const NAME = new RegExp(`^${LETTER}(?:${LETTER}|[\\p{M}_-])*$`, 'u');
const OTHERS = new RegExp(`(?:(?!${LETTER}|\\p{M}).)+`, 'gsu');

/**
 * Slug of the file's name + 8 hex digits of SHA-256 over bucket, key, ETag and options. The same bytes at the same key
 * with the same options are the same render; any change makes another one.
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

/** Values that mean the same as an absent option. */
const DEFAULTS: ReadonlyMap<string, unknown> = new Map([
  ['video', 'h264'],
  ['background', '000000'],
  ['gaps', 'hold'],
]);

/** Options as sorted pairs without absent ones and defaults, so that equal options have equal text. */
export function canonicalOptions(options: RenderOptions): Array<[string, unknown]> {
  return Object.entries(options)
    .filter(([name, value]) => value !== undefined && value !== DEFAULTS.get(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** What the render ids of a scene begin with, whatever its content and options. */
export const idStartOf = (source: URL): string => `${slugOf(source)}-`;

function slugOf(source: URL): string {
  const name = decodeURIComponent(source.pathname).split('/').pop() ?? '';
  return slugText(name.replace(/\.blend$/i, '')) || 'render';
}

/**
 * A text as part of a render's name: letters keep their script, other characters become hyphens. Letters are composed
 * (NFC): macOS spells them decomposed (NFD). Empty for a text without letters and digits. Pure.
 */
export function slugText(text: string): string {
  return trimmed(cutTo(trimmed(text.normalize('NFC').replace(OTHERS, '-')), LONGEST_SLUG));
}

/** Starts with a letter or digit, and does not end with a hyphen. */
const trimmed = (slug: string): string => slug.replace(/^[-\p{M}]+|-+$/gu, '');

/** The first code points, within `MOST_BYTES` of UTF-8 minus the digest. */
function cutTo(text: string, count: number): string {
  let kept = '';
  for (const letter of Array.from(text).slice(0, count)) {
    if (Buffer.byteLength(kept + letter) > MOST_BYTES - 9) break;
    kept += letter;
  }
  return kept;
}

/**
 * Checks a given name, which becomes a folder and, in ASCII, part of a job name. Gives it composed (NFC). Throws
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

/** Most code points of `asciiName`, so that `_Retry100_Salvaging` still fits into a job name. */
const LONGEST_ASCII_NAME = 90;

/**
 * A render id in ASCII, for AWS Batch job names. An ASCII id stays as it is. Other ids lose other characters and get a
 * digest, so that two ids never have one name. Pure.
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

/** The folder of uploads in the bucket. A render writes nothing below it. */
export const UPLOAD_PREFIX = 'uploads/';

/** The folder below the uploads for scenes and files that the command line uploads, by their content. */
export const SUBMITTED_FOLDER = 'submitted';

/** The ending of a scene file, in any case. Blender's backups end in `.blend1`. */
export const UPLOAD_ENDING = '.blend';

/** Half of a surrogate pair: no URL and no S3 key can contain it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** `<name>.blend` or `<project>/<name>.blend`; the `s` flag because a key may hold line breaks. */
const SCENE = /^(?:(?<project>[^/]+)\/)?[^/]+\.blend$/is;

/**
 * Whether an object at `key` (not encoded) starts a render: `uploads/<name>.blend` or
 * `uploads/<project>/<name>.blend`. Deeper ones are assets of a scene, and other folders start nothing. Neither does a
 * project `.` or `..`, nor a key of invalid Unicode, because no URL can name it.
 */
export function startsRender(key: string): boolean {
  if (!key.startsWith(UPLOAD_PREFIX) || LONE_SURROGATE.test(key)) return false;
  const match = SCENE.exec(key.slice(UPLOAD_PREFIX.length));
  const project = match?.groups?.project;
  return match !== null && project !== '.' && project !== '..';
}
