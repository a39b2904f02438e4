/** What a path that is written in a `.blend` means. */
export type ResolvedPath =
  /** Within the project; `segments` from its root, at least one, none of them `.`, `..` or empty. */
  | { readonly kind: 'project'; readonly segments: readonly string[] }
  /** A place in a file system as a whole; `segments` from its root where the path is one of Linux or macOS. */
  | { readonly kind: 'absolute'; readonly segments?: readonly string[] }
  /** `\\host\share\…`. */
  | { readonly kind: 'network' }
  /** Leads out of the project by `..`. */
  | { readonly kind: 'outside' }
  /** Without `//`, so that it counts from wherever Blender happens to be started. */
  | { readonly kind: 'unanchored' }
  /** Nothing that could name a file: empty, or with a zero byte. */
  | { readonly kind: 'unusable' };

/**
 * What `written` means in a file that lies in the folder `folder` (segments from the project's root): pure. `\` counts as
 * `/`, as Blender takes it on every system (`BLI_path_abs` in its path_util.c), and `..` is folded as text. A leading `//`
 * is the folder of the file, a leading `\\` a network path of Windows. On a disk (`isDisk`) `..` above the root stays at the
 * root, as in Blender: such a path names a place of this machine.
 */
export function resolvePath(written: string, folder: readonly string[], isDisk = false): ResolvedPath {
  if (written === '' || written.includes('\0')) return { kind: 'unusable' };
  if (written.startsWith('\\\\')) return { kind: 'network' };
  if (/^[A-Za-z]:/.test(written)) return { kind: 'absolute' };
  const path = written.replaceAll('\\', '/');
  if (path.startsWith('//')) return within(path, folder, isDisk);
  if (!path.startsWith('/')) return { kind: 'unanchored' };
  // A lone backslash is the root of whichever drive Windows is on.
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

/** `undefined` where `..` leads above the root, unless it `stays` there. */
function fold(path: string, folder: readonly string[], stays = false): string[] | undefined {
  const segments = [...folder];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') segments.push(segment);
    else if (segments.pop() === undefined && !stays) return undefined;
  }
  return segments;
}
