import { posix } from 'node:path';
import type { Dependency } from '../contents/blend-contents';

/** Endings of text files that OpenColorIO's FileTransform reads (src/OpenColorIO/fileformats), as spelled in use. */
export const LUT_ENDINGS =
  'cube csp spi1d spi3d spimtx 1dl 3dl lut clf ctf cdl cc ccc look vf hdl mga m3d itx';

/** Other files in an OpenColorIO configuration. */
export interface OcioFiles {
  /** Folders in which `sources` are looked up, relative to the configuration; `.` if it names none. */
  readonly searchPaths: readonly string[];
  /** Files of its FileTransforms, as written. */
  readonly sources: readonly string[];
}

/** A plain scalar of YAML, or a quoted one. */
const SCALAR = `("(?:[^"\\\\]|\\\\.)*"|'(?:[^']|'')*'|[^\\s,\\]}#][^,\\]}\\n]*)`;
/** A transform's tag, or a `src`. In a FileTransform `src` is a file, in a ColorSpaceTransform a colour space. */
const TAG_OR_SOURCE = new RegExp(`!<(\\w+)>|(?:^|[{,\\s])["']?src["']?[ \\t]*:[ \\t]*${SCALAR}`, 'gm');
const SEARCH_PATH = new RegExp(`^search_path[ \\t]*:[ \\t]*(?:\\[([^\\]]*)\\]|${SCALAR})?`, 'm');
const LISTED = new RegExp(`^[ \\t]*-[ \\t]+${SCALAR}`);

/** Whether `text` looks like a configuration: every version has this key (`ocio_profile_version: 2.1`). Pure. */
export const isOcioConfig = (text: string): boolean => /^\s*["']?ocio_profile_version["']?\s*:/m.test(text);

/**
 * Finds the files in the configuration `text`, in block and flow style. It does not fully parse YAML, so the result may include
 * texts that only look like such a key. Pure.
 */
export function ocioFiles(text: string): OcioFiles {
  const bare = text.replace(/^[ \t]*#.*$/gm, '');
  const sources: string[] = [];
  let tag = '';
  for (const [, opened, scalar] of bare.matchAll(TAG_OR_SOURCE)) {
    tag = opened ?? tag;
    if (scalar !== undefined && tag === 'FileTransform') sources.push(unquoted(scalar));
  }
  return { searchPaths: searchPathsOf(bare), sources: [...new Set(sources)].filter(Boolean) };
}

function searchPathsOf(text: string): string[] {
  const match = SEARCH_PATH.exec(text);
  const [, flow, scalar] = match ?? [];
  const written =
    flow !== undefined
      ? flow.split(',')
      : scalar !== undefined
        ? [scalar]
        : match
          ? listedBelow(text.slice(match.index + match[0].length))
          : [];
  // OpenColorIO splits each path at colons.
  const paths = written.flatMap((one) => unquoted(one.trim()).split(':')).filter((one) => one !== '');
  return paths.length > 0 ? [...new Set(paths)] : ['.'];
}

/** The items of a list in block style, up to the first other line. */
function listedBelow(text: string): string[] {
  const items: string[] = [];
  for (const line of text.split('\n').slice(1)) {
    const [, item] = LISTED.exec(line) ?? [];
    if (item === undefined && line.trim() !== '') break;
    if (item !== undefined) items.push(item);
  }
  return items;
}

function unquoted(scalar: string): string {
  const text = scalar.trim();
  if (text.startsWith('"')) return text.slice(1, -1).replace(/\\(.)/g, '$1');
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  return text.replace(/\s+#.*$/, '');
}

/** Variables in names: `$SHOT`, `${SHOT}` or `%SHOT%`. */
const VARIABLE = /[$%]/;

/** Files that a configuration needs. */
export interface OcioNeeds {
  readonly folders: readonly string[];
  /** For each file in it, the paths where OpenColorIO looks, in order. */
  readonly files: ReadonlyMap<string, readonly string[]>;
}

/**
 * Paths of the files of the configuration at `ocio` (`//path`), as a scene would write them. `folders` travel with all their
 * colour files: search paths, except the configuration's folder and those above, and the folder before a variable in a name.
 * Pure.
 */
export function ocioNeeds(ocio: string, { searchPaths, sources }: OcioFiles): OcioNeeds {
  const own = posix.dirname(ocio.slice(2));
  const at = (...path: string[]): string => {
    const joined = path.reduce((folder, one) => (one.startsWith('/') ? one : posix.join(folder, one)), own);
    return joined.startsWith('/') ? posix.normalize(joined) : `//${joined}`;
  };
  const files = new Map<string, string[]>();
  const folders = new Set<string>();
  const fixed = (path: string): string => path.slice(0, path.search(VARIABLE)).replace(/[^/]*$/, '');
  for (const path of searchPaths) {
    if (VARIABLE.test(path)) folders.add(at(fixed(path)));
    else if (!isAbove(at(path), at('.'))) folders.add(at(path));
  }
  const plain = searchPaths.filter((path) => !VARIABLE.test(path));
  for (const source of sources) {
    if (VARIABLE.test(source)) for (const path of plain) folders.add(at(path, fixed(source)));
    else if (plain.length > 0) files.set(source, [...new Set(plain.map((path) => at(path, source)))]);
  }
  return { folders: [...folders].map((folder) => (folder === '//.' ? '//' : folder)), files };
}

/** Whether `folder` is `own` or above it. */
function isAbove(folder: string, own: string): boolean {
  const path = posix.relative(folder, own);
  return path === '' || !path.startsWith('..');
}

/**
 * Whether a configuration may name files outside its folder, which in a watch folder could belong to other projects. Never
 * `false` for one that does. Pure.
 */
export function mayLeadOut(text: string): boolean {
  const bare = text.replace(/^[ \t]*#.*$/gm, '');
  const climbs = bare.includes('..');
  const isRooted = /(?:^|[\s"':,;[{(-])\/[^\s/]/m.test(bare) || /(?:^|["'\s:])\/\/+\S/m.test(bare);
  const isHidden = /\$|%\w+%|\\[xuU/]|\\\r?\n/.test(bare);
  return climbs || isRooted || isHidden;
}

/** The dependencies of a scene that renders with the configuration at `ocio`; the configuration comes first. Pure. */
export function ocioDependencies(ocio: string, { folders, files }: OcioNeeds): Dependency[] {
  const common = { kind: 'ocio', packed: false } as const;
  const usedBy = ['the OCIO configuration'];
  return [
    { ...common, extent: 'file', path: ocio, usedBy: ['the option ocio'], reach: 'rendered' },
    ...folders.map((path) => ({ ...common, extent: 'folder', path, usedBy, reach: 'maybe' }) as const),
    ...[...new Set([...files.values()].flat())].map(
      (path) => ({ ...common, extent: 'file', path, usedBy, reach: 'maybe' }) as const,
    ),
  ];
}
