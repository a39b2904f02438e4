import { sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIds, readProc } from './proc-files';

const POLL_MS = 20;

/**
 * Waits until no process of this user has its `TMPDIR` at or below `folder`, as attempts and their supervisors have it. Gives up
 * after `mostMs`. Linux only: elsewhere it returns at once.
 */
export async function untilNoneIn(folder: string, mostMs: number): Promise<void> {
  for (const deadline = Date.now() + mostMs; Date.now() < deadline; await sleep(POLL_MS)) {
    if (!processIds().some((pid) => isIn(folder, temporaryFolderOf(pid)))) return;
  }
}

function isIn(folder: string, path: string | undefined): boolean {
  return path === folder || path?.startsWith(folder + sep) === true;
}

/** `undefined` for a process that has ended: the kernel drops its environment. */
function temporaryFolderOf(pid: number): string | undefined {
  const prefix = 'TMPDIR=';
  const variables = readProc(`/proc/${pid}/environ`).split('\0');
  return variables.find((variable) => variable.startsWith(prefix))?.slice(prefix.length);
}
