/**
 * What to do about too many arguments: most often a shell has split a path at its spaces. Names the path if several
 * arguments in a row make one. `isFile` tells whether a path is there. Pure but for that.
 */
export function quotingHint(argv: readonly string[], isFile: (path: string) => boolean): string {
  const path = joinedPath(argv, isFile);
  if (path === undefined) return 'a path with spaces needs quotes: "my film.blend"';
  return `"${path}" is one file: put its path in quotes`;
}

/** The longest run of arguments that make the path of a file, joined by spaces. */
function joinedPath(argv: readonly string[], isFile: (path: string) => boolean): string | undefined {
  for (let count = Math.min(argv.length, MOST_JOINED); count > 1; count -= 1) {
    for (let start = 0; start + count <= argv.length; start += 1) {
      const path = argv.slice(start, start + count).join(' ');
      if (isFile(path)) return path;
    }
  }
  return undefined;
}

/** Words of one path; more are not tried. */
const MOST_JOINED = 20;
