import { statfs } from 'node:fs/promises';
import { SpotreelError } from '../../core/errors';

/** Less than this is none: no frame fits in it. */
const LEAST_BYTES = 1024 * 1024;

/** Whether there is no room left where `folder` lies. */
export async function isDiskFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < LEAST_BYTES;
}

/** Passing: another machine has another disk, and this one has room again when others on it are done. */
export function diskFull(folder: string): SpotreelError {
  const message = `the disk that holds ${folder} is full: raise the setting diskGib, or make room where you render locally`;
  return new SpotreelError('disk-full', 'passing', message);
}
