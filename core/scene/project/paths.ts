import { join, resolve } from 'node:path';
import { SUBMITTED_FOLDER, UPLOAD_PREFIX } from '../../render/keys';
import { bucketAndKey, childUrl, filePath, fileUrl, keyUrl } from '../../storage/storage';
import type { DependencyExtent } from '../contents/blend-contents';

/** The file names that one path names. */
export interface NamePattern {
  /** Common start of all names. */
  readonly start: string;
  /** Common end after the number; empty for a single name. */
  readonly end: string;
  readonly matches: (name: string) => boolean;
  /** Like `matches`, but ignores case. */
  readonly resembles: (name: string) => boolean;
  /**
   * Names missing from `there`: those of `numbers`, tiles or pictures of a sequence, if known. Otherwise a sequence needs its
   * own name and all names between its first and last.
   */
  readonly absent: (there: readonly string[], numbers?: readonly number[]) => string[];
}

/**
 * Placeholders for a tile's number, and how Mari (from 1001 on) and ZBrush write it.
 * https://docs.blender.org/manual/en/latest/modeling/meshes/uv/workflows/udims.html
 */
const TILES: readonly TileToken[] = [
  { token: '<UDIM>', pattern: '[12][0-9]{3}', write: String },
  {
    token: '<UVTILE>',
    pattern: 'u[0-9]+_v[0-9]+',
    write: (tile) => `u${((tile - 1001) % 10) + 1}_v${Math.floor((tile - 1001) / 10) + 1}`,
  },
];

/** How a name holds a tile's number, 1001 + u + 10 v. */
interface TileToken {
  readonly token: string;
  readonly pattern: string;
  readonly write: (tile: number) => string;
}

/** Frames of a sequence, from first to last, that are looked up. */
const LONGEST_SEQUENCE = 100_000;

/** The last digit of a name and the rest. */
const LAST_DIGIT = /\d\D*$/;

/** The file names that `name`, the last part of a path, means. Pure. */
export function namePattern(name: string, extent: DependencyExtent): NamePattern {
  const tiles = TILES.find(({ token }) => name.includes(token));
  if (tiles) {
    const [head = '', ...rest] = name.split(tiles.token);
    const tail = rest.join(tiles.token);
    const absent = (there: readonly string[], numbers: readonly number[] = []) =>
      without(
        there,
        numbers.map((tile) => `${head}${tiles.write(tile)}${tail}`),
      );
    return { ...between(head, tiles.pattern, tail), absent };
  }
  const numbered = extent === 'sequence' ? splitFrame(name) : undefined;
  if (!numbered) return { ...between(name, '', ''), absent: () => [] };
  const absent = (there: readonly string[], played?: readonly number[]) => {
    const wanted = played?.map((frame) => nameOf(frame, numbered));
    return without(there, wanted ?? [...new Set([name, ...namesBetween(numbered, there)])]);
  };
  return { ...between(numbered.head, '[0-9]+', numbered.tail), absent };
}

function without(there: readonly string[], wanted: readonly string[]): string[] {
  const present = new Set(there);
  return wanted.filter((name) => !present.has(name));
}

/** Names of all frames from the first to the last of `names`. */
function namesBetween(numbered: NumberedName, names: readonly string[]): string[] {
  const { head, tail } = numbered;
  const frames = names.map((name) => Number(name.slice(head.length, name.length - tail.length)));
  const [first, last] = [Math.min(...frames), Math.max(...frames)];
  if (last - first >= LONGEST_SEQUENCE) return [];
  return Array.from({ length: last - first + 1 }, (_, index) => nameOf(first + index, numbered));
}

function nameOf(frame: number, { head, digits, tail }: NumberedName): string {
  return `${head}${String(frame).padStart(digits.length, '0')}${tail}`;
}

interface NumberedName {
  readonly head: string;
  readonly digits: string;
  readonly tail: string;
}

/**
 * Splits a name at the frame's number; `undefined` without one. The last digits before the ending are the frame
 * (`BLI_path_sequence_decode` in Blender's path_util.c).
 */
function splitFrame(name: string): NumberedName | undefined {
  const dot = name.lastIndexOf('.');
  const stem = dot > 0 ? name.slice(0, dot) : name;
  const end = stem.search(LAST_DIGIT) + 1;
  if (end === 0) return undefined;
  let start = end - 1;
  while (start > 0 && isDigit(stem.charCodeAt(start - 1))) start -= 1;
  return { head: name.slice(0, start), digits: name.slice(start, end), tail: name.slice(end) };
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

function between(head: string, middle: string, tail: string): Omit<NamePattern, 'absent'> {
  const source = `^${literal(head)}${middle}${literal(tail)}$`;
  const [exact, loose] = [new RegExp(source, 's'), new RegExp(source, 'is')];
  return {
    start: head,
    end: tail,
    matches: (name) => exact.test(name),
    resembles: (name) => loose.test(name),
  };
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** The files that a scene may use. */
export interface ProjectRoot {
  /** A folder with the scene in it or below it. */
  readonly url: URL;
  /** `disk`: any file of this machine. `folder`: files below `url`. `scene`: only the scene itself. */
  readonly reach: 'disk' | 'folder' | 'scene';
  /** Blender opens the scene in place and could read other projects, so a file outside is an error. */
  readonly inPlace?: true;
}

/**
 * The project of a scene. On a disk it is the whole disk, because the scene renders in place. In a bucket it is
 * `uploads/<project>/`, or the scene's folder outside `uploads/`. A scene in no folder has no project.
 */
export function projectRootOf(scene: URL): ProjectRoot {
  if (scene.protocol === 'file:') return { url: fileUrl('/'), reach: 'disk' };
  const { bucket, key } = bucketAndKey(scene);
  const { folder, reach } = projectOf(key);
  return { url: keyUrl(scene.protocol === 's3:' ? 's3:' : 'memory:', bucket, folder), reach };
}

/** The project of the scene at `key` in a watch folder; the folders are as in a bucket. */
export function watchRootOf(directory: URL, key: string): ProjectRoot {
  const { folder, reach } = projectOf(key);
  const inPlace = directory.protocol === 'file:' && ({ inPlace: true } as const);
  return { url: childUrl(directory, folder), reach, ...inPlace };
}

/** Whether the plan of a scene in a bucket may use `file`: one of its project, or one stored by `submit`. */
export function mayNeed(scene: URL, file: URL): boolean {
  const { url, reach } = projectRootOf(scene);
  const submitted = new URL(`/${UPLOAD_PREFIX}${SUBMITTED_FOLDER}/`, url);
  return isBelow(file, submitted) || (reach === 'folder' && isBelow(file, url));
}

/** Whether `url` is below `folder`, which may lack its trailing slash. */
export function isBelow(url: URL, folder: URL): boolean {
  return url.href.startsWith(folder.href.endsWith('/') ? folder.href : `${folder.href}/`);
}

/** The path of `url` below the root, which must contain it. */
export function segmentsOf(url: URL, root: ProjectRoot): string[] {
  return pathOf(url).slice(pathOf(root.url).length).split('/');
}

/** The URL of the folder at `segments` below the root, with a trailing slash. */
export function folderAt(segments: readonly string[], root: ProjectRoot): URL {
  return segments.length === 0 ? root.url : childUrl(root.url, ...segments, '');
}

function projectOf(key: string): { readonly folder: string; readonly reach: 'folder' | 'scene' } {
  const own = key.slice(0, key.lastIndexOf('/') + 1);
  if (!own.startsWith(UPLOAD_PREFIX)) return { folder: own, reach: own === '' ? 'scene' : 'folder' };
  const folders = own.slice(UPLOAD_PREFIX.length).split('/').slice(0, -1);
  // Submitted files are in a folder for each content, for all projects.
  const depth = folders[0] === SUBMITTED_FOLDER ? 2 : 1;
  if (folders.length < depth) return { folder: own, reach: 'scene' };
  return { folder: `${UPLOAD_PREFIX}${folders.slice(0, depth).join('/')}/`, reach: 'folder' };
}

function pathOf(url: URL): string {
  return url.protocol === 'file:' ? filePath(url) : bucketAndKey(url).key;
}

/** The meaning of a path in a `.blend`. */
export type ResolvedPath =
  /** In the project; at least one of `segments` from its root, none `.`, `..` or empty. */
  | { readonly kind: 'project'; readonly segments: readonly string[] }
  /** An absolute path; `segments` from the root for paths of Linux or macOS. */
  | { readonly kind: 'absolute'; readonly segments?: readonly string[] }
  /** `\\host\share\…`. */
  | { readonly kind: 'network' }
  /** Leaves the project by `..`. */
  | { readonly kind: 'outside' }
  /** Without `//`, so relative to the folder where Blender starts. */
  | { readonly kind: 'unanchored' }
  /** Cannot name a file: empty, or with a zero byte. */
  | { readonly kind: 'unusable' };

/**
 * Resolves `written` in a file in `folder` (segments from the project's root). `\` counts as `/`, as in Blender on every system
 * (`BLI_path_abs` in its path_util.c), and `..` is resolved as text. A leading `//` is the file's folder, a leading `\\` a
 * network path of Windows. On a disk (`isDisk`) `..` above the root stays there, as in Blender. Pure.
 */
export function resolvePath(written: string, folder: readonly string[], isDisk = false): ResolvedPath {
  if (written === '' || written.includes('\0')) return { kind: 'unusable' };
  if (written.startsWith('\\\\')) return { kind: 'network' };
  if (/^[A-Za-z]:/.test(written)) return { kind: 'absolute' };
  const path = written.replaceAll('\\', '/');
  if (path.startsWith('//')) return within(path, folder, isDisk);
  if (!path.startsWith('/')) return { kind: 'unanchored' };
  // A leading backslash is the root of a drive on Windows.
  if (written.startsWith('\\')) return { kind: 'absolute' };
  return absolute(fold(path, [], isDisk));
}

function within(path: string, folder: readonly string[], isDisk: boolean): ResolvedPath {
  const segments = fold(path, folder);
  if (!segments) return isDisk ? absolute(fold(path, folder, true)) : { kind: 'outside' };
  return segments.length > 0 ? { kind: 'project', segments } : { kind: 'unusable' };
}

function absolute(segments: readonly string[] | undefined): ResolvedPath {
  return segments && segments.length > 0 ? { kind: 'absolute', segments } : { kind: 'unusable' };
}

/** `undefined` if `..` leads above the root, unless it `stays` there. */
function fold(path: string, folder: readonly string[], stays = false): string[] | undefined {
  const segments = [...folder];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') segments.push(segment);
    else if (segments.pop() === undefined && !stays) return undefined;
  }
  return segments;
}

/**
 * Names that look alike but differ in bytes: `é` is one character (NFC, as on most keyboards), or `e` and an accent (NFD, as in
 * older file systems of macOS). https://unicode.org/reports/tr15/
 */

// oxlint-disable-next-line no-control-regex -- all of ASCII is the subject
const ASCII_START = /^[\0-\x7f]*/;

/** Whether `text` may have another form. */
export function hasForms(text: string): boolean {
  return ASCII_START.exec(text)![0].length < text.length;
}

/** One form for all forms of a text. */
export function commonForm(text: string): string {
  return text.normalize('NFC');
}

/** The common start of all forms of `text`: an accent may belong to the letter before it. */
export function commonStart(text: string): string {
  const [start] = ASCII_START.exec(text)!;
  return start.length < text.length ? start.slice(0, -1) : text;
}

/** Names by common form; the first of several wins. */
export function byForm(names: Iterable<string>): Map<string, string> {
  const forms = new Map<string, string>();
  for (const name of names) {
    const form = commonForm(name);
    if (!forms.has(form)) forms.set(form, name);
  }
  return forms;
}

/**
 * Where Blender on Linux or macOS opens the path `written` in a file in `folder`, even outside the project. It drops a drive
 * letter and treats `\` as `/` (`BLI_path_abs` in path_utils.cc). A path without `//` is relative to `cwd`. Pure.
 */
export function placeOnDisk(written: string, folder: string, cwd: string): string {
  const path = written.replaceAll('\\', '/').replace(/^[A-Za-z]:/, '');
  return written.startsWith('//') ? join(folder, path) : resolve(cwd, path.replace(/^\/+/, '/'));
}
