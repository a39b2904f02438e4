import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/** `read` and `change` need an existing file; `append` makes one. */
const FLAGS = { read: O_RDONLY, change: O_RDWR, append: O_WRONLY | O_APPEND | O_CREAT } as const;

/** State files are far smaller. A larger one is read by nobody, because it would fill the memory. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Opens a state file. Anybody who may write to its folder can put something else there, so this follows no link and does not wait
 * for the other end of a pipe. Throws the file system's error, `ELOOP` for a link, `ENXIO` for a pipe or device.
 */
export function openRegularFile(path: string, use: keyof typeof FLAGS): number {
  const file = openSync(path, FLAGS[use] | O_NOFOLLOW | O_NONBLOCK, 0o666);
  const stats = fstatSync(file);
  if (stats.isFile() || stats.isDirectory()) return file;
  closeSync(file);
  throw Object.assign(new Error('it is no regular file'), { code: 'ENXIO' });
}

/** The bytes of a state file. Throws as `openRegularFile`, and `EFBIG` above 256 MiB. */
export function readRegularFile(path: string): Buffer {
  const file = openRegularFile(path, 'read');
  try {
    if (fstatSync(file).size > MOST_BYTES)
      throw Object.assign(new Error('it has more than 256 MiB'), { code: 'EFBIG' });
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
