import { join, resolve } from 'node:path';

/**
 * Where Blender on Linux or macOS opens the path `written` of a file in the folder `folder`, also where it leads out of the
 * project: pure. It drops a drive letter and takes `\` for `/` (`BLI_path_abs` in path_utils.cc). A path without `//` counts
 * from `cwd`.
 */
export function placeOnDisk(written: string, folder: string, cwd: string): string {
  const path = written.replaceAll('\\', '/').replace(/^[A-Za-z]:/, '');
  return written.startsWith('//') ? join(folder, path) : resolve(cwd, path.replace(/^\/+/, '/'));
}
