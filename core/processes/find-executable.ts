import { accessSync, constants, statSync } from 'node:fs';
import { posix, win32 } from 'node:path';

/** Where programs are looked for. */
export interface System {
  readonly platform: NodeJS.Platform;
  /** Windows: endings of programs, `;` between them, as in the variable PATHEXT. */
  readonly endings?: string | undefined;
  readonly isExecutable: (path: string) => boolean;
}

const THIS_SYSTEM: System = { platform: process.platform, endings: process.env.PATHEXT, isExecutable };

/** Folders to look in if an environment has no `PATH`. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** Windows without PATHEXT. https://learn.microsoft.com/windows-server/administration/windows-commands/start */
const DEFAULT_ENDINGS = '.COM;.EXE;.BAT;.CMD';

/**
 * The absolute path of the program that `name` would start; `undefined` if there is none. A name with a separator in it is
 * a path and is not searched for, as in execvp(3). On Windows `blender` finds `blender.exe`.
 */
export function findExecutable(
  name: string,
  searchPath: string = DEFAULT_PATH,
  { platform, endings = DEFAULT_ENDINGS, isExecutable: isProgram }: System = THIS_SYSTEM,
): string | undefined {
  const path = platform === 'win32' ? win32 : posix;
  const isPath = name.includes('/') || name.includes(path.sep);
  const names = platform === 'win32' ? withEndings(name, endings) : [name];
  if (isPath) return names.map((file) => path.resolve(file)).find(isProgram);
  return searchPath
    .split(path.delimiter)
    .filter((directory) => directory !== '')
    .flatMap((directory) => names.map((file) => path.resolve(directory, file)))
    .find(isProgram);
}

/** A name that has one of the endings stays as it is. */
function withEndings(name: string, endings: string): string[] {
  const known = endings.toLowerCase().split(';').filter(Boolean);
  const isComplete = known.some((ending) => name.toLowerCase().endsWith(ending));
  return isComplete ? [name] : known.map((ending) => name + ending);
}

/** Where Homebrew puts programs on Apple silicon and on Intel. https://docs.brew.sh/Installation */
const HOMEBREW = ['/opt/homebrew/bin', '/usr/local/bin'];

/** Paths to try for a program that is not on PATH, as in a terminal that does not know Homebrew. Pure. */
export function usualPaths(program: 'blender' | 'ffmpeg', platform: NodeJS.Platform): string[] {
  if (platform !== 'darwin') return [];
  const bundle = program === 'blender' ? ['/Applications/Blender.app/Contents/MacOS/Blender'] : [];
  return [...bundle, ...HOMEBREW.map((folder) => `${folder}/${program}`)];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
