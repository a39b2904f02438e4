import { findLockHolder, type LockHolder } from '../batch/local/lock';
import { filePath } from '../storage/location';

/** Where a render's own folder on this machine holds its local Batch. */
export const localBatchFolder = (render: URL): string => filePath(new URL('.batch/', render));

/** The process that renders into a folder, of this machine or of another one that shares the folder. */
export function localHolder(render: URL): LockHolder | undefined {
  return findLockHolder(localBatchFolder(render));
}
