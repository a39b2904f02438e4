import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, resolve, sep } from 'node:path';

/** Where to look when an environment has no `PATH`. */
const DEFAULT_PATH = ['/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);

/**
 * The absolute path of the program that `name` would start, or `undefined` where there is none. A name with a
 * separator in it is a path and is not searched for, as in execvp(3).
 */
export function findExecutable(name: string, searchPath: string = DEFAULT_PATH): string | undefined {
  if (isAbsolute(name) || name.includes(sep)) return isExecutable(name) ? resolve(name) : undefined;
  return searchPath
    .split(delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => resolve(directory, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
