import { posix } from 'node:path';
import type { Dependency } from './contents/blend-contents';

/** Text files that OpenColorIO's FileTransform reads (src/OpenColorIO/fileformats), with the spellings of their endings in use. */
export const LUT_ENDINGS =
  'cube csp spi1d spi3d spimtx 1dl 3dl lut clf ctf cdl cc ccc look vf hdl mga m3d itx';

/** What an OpenColorIO configuration says of other files. */
export interface OcioFiles {
  /** Folders from that of the configuration, in which `sources` are looked for; `.` where it names none. */
  readonly searchPaths: readonly string[];
  /** Files of its FileTransforms, as written. */
  readonly sources: readonly string[];
}

/** A plain scalar of YAML, or a quoted one. */
const SCALAR = `("(?:[^"\\\\]|\\\\.)*"|'(?:[^']|'')*'|[^\\s,\\]}#][^,\\]}\\n]*)`;
/** A transform's tag, or a `src`, which is a file only in a FileTransform: in a ColorSpaceTransform it is a colour space. */
const TAG_OR_SOURCE = new RegExp(`!<(\\w+)>|(?:^|[{,\\s])["']?src["']?[ \\t]*:[ \\t]*${SCALAR}`, 'gm');
const SEARCH_PATH = new RegExp(`^search_path[ \\t]*:[ \\t]*(?:\\[([^\\]]*)\\]|${SCALAR})?`, 'm');
const LISTED = new RegExp(`^[ \\t]*-[ \\t]+${SCALAR}`);

/** Whether `text` starts like a configuration: every version has this key (`ocio_profile_version: 2.1`). Pure. */
export const isOcioConfig = (text: string): boolean => /^\s*["']?ocio_profile_version["']?\s*:/m.test(text);

/**
 * Finds the files that the configuration `text` names, in block and flow style: pure. It is no parser of YAML: texts that only look
 * like such a key may be among them.
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
  // OpenColorIO splits each at colons.
  const paths = written.flatMap((one) => unquoted(one.trim()).split(':')).filter((one) => one !== '');
  return paths.length > 0 ? [...new Set(paths)] : ['.'];
}

/** The items of a list in block style, up to the first line that is none. */
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

/** Names in which OpenColorIO puts variables, as `$SHOT`, `${SHOT}` or `%SHOT%`. */
const VARIABLE = /[$%]/;

/** What a configuration needs besides itself. */
export interface OcioNeeds {
  readonly folders: readonly string[];
  /** For each file that it names, the paths where OpenColorIO looks for it, in this order. */
  readonly files: ReadonlyMap<string, readonly string[]>;
}

/**
 * Where the files of the configuration at `ocio` (`//path`) are, as paths that a scene could have: pure. Folders of which all colour
 * files travel are the search paths, but for the configuration's own folder and those above it, and where a name holds a variable the
 * folder before that.
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
 * Whether a configuration might name files outside its folder: pure, and never `false` for one that does. In a watch folder it would
 * read those of other projects.
 */
export function mayLeadOut(text: string): boolean {
  const bare = text.replace(/^[ \t]*#.*$/gm, '');
  const climbs = bare.includes('..');
  const isRooted = /(?:^|[\s"':,;[{(-])\/[^\s/]/m.test(bare) || /(?:^|["'\s:])\/\/+\S/m.test(bare);
  const isHidden = /\$|%\w+%|\\[xuU/]|\\\r?\n/.test(bare);
  return climbs || isRooted || isHidden;
}

/** The dependencies of a scene that is rendered with the configuration at `ocio`, which comes first. Pure. */
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
