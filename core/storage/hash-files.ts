import type { BigIntStats } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { fileError } from './file-writes';

/** A file of this machine to hash. */
export interface FileToHash {
  readonly path: string;
  /** Bytes, as listed. Only the distribution among threads depends on it. */
  readonly size: number;
}

/** The content of a file. */
export interface HashedFile {
  /** Bytes. */
  readonly size: number;
  /** In hexadecimal. */
  readonly md5: string;
  /**
   * Identifies the hashed version of the file; see `stampOf`. Absent if the file changed meanwhile or a moment before,
   * because the next change might leave the same stamp.
   */
  readonly stamp?: string;
}

/**
 * Identifies a version of a file: it changes when the content changes, unless that happens twice in a moment. As in
 * `hashInThread`.
 */
export function stampOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string {
  return `${size}-${mtimeNs}-${ctimeNs}-${ino}`;
}

/** Each thread takes so many files, or so many bytes, at a time. */
const FILES_AT_ONCE = 64;
const BYTES_AT_ONCE = 64 * 1024 * 1024;

/**
 * Hashes files on all cores; `undefined` for a missing file, a folder, a pipe or a device. `onHashed` gets the number of
 * files and bytes since its last call. Throws a `StorageError` for a file that cannot be read.
 */
export async function hashFiles(
  files: readonly FileToHash[],
  onHashed: (files: number, bytes: number) => void = () => undefined,
): Promise<Array<HashedFile | undefined>> {
  const results: Array<HashedFile | undefined> = [];
  const batches = batchesOf(files).values();
  let fault: unknown;
  const thread = async (): Promise<void> => {
    let worker: Worker | undefined;
    try {
      for (const { start, paths } of batches) {
        if (fault !== undefined) return;
        worker ??= new Worker(`(${hashInThread.toString()})()`, { eval: true });
        const answers = await hashBatch(worker, paths, onHashed);
        for (const [index, answer] of answers.entries()) {
          if (answer && 'message' in answer) throw fileError(answer, paths[index]!, 'read');
          results[start + index] = answer;
        }
      }
    } catch (error) {
      fault ??= error;
    } finally {
      await worker?.terminate();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, thread));
  if (fault !== undefined) throw fault;
  return results;
}

interface Batch {
  readonly start: number;
  readonly paths: readonly string[];
}

function batchesOf(files: readonly FileToHash[]): Batch[] {
  const batches: Array<{ start: number; paths: string[] }> = [];
  let bytes = 0;
  for (const [index, { path, size }] of files.entries()) {
    const last = batches.at(-1);
    if (last && last.paths.length < FILES_AT_ONCE && bytes + size <= BYTES_AT_ONCE) {
      last.paths.push(path);
      bytes += size;
    } else {
      batches.push({ start: index, paths: [path] });
      bytes = size;
    }
  }
  return batches;
}

type Answer = HashedFile | { readonly code: string; readonly message: string } | undefined;

/** Hashed files and bytes since the last message; at the end, the answers of the batch. */
interface Message {
  readonly files: number;
  readonly bytes: number;
  readonly answers?: readonly Answer[];
}

function hashBatch(
  worker: Worker,
  paths: readonly string[],
  onHashed: (files: number, bytes: number) => void,
): Promise<readonly Answer[]> {
  return new Promise((resolve, reject) => {
    worker.removeAllListeners();
    worker.on('error', reject);
    worker.on('exit', () => reject(new Error('a thread that computes checksums ended')));
    worker.on('message', ({ files, bytes, answers }: Message) => {
      onHashed(files, bytes);
      if (answers) resolve(answers);
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage(paths);
  });
}

/** Runs alone in a thread, which gets its text: it can use nothing outside itself. */
function hashInThread(): void {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { closeSync, constants, fstatSync, openSync, readSync } = process.getBuiltinModule('node:fs');
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const room = Buffer.allocUnsafe(1024 * 1024);
  const reportBytes = 32 * 1024 * 1024;
  // Time stamps of some file systems have 2 s (FAT). A file that changed later than this may change again unnoticed.
  const settledMs = 3000;
  const absent = new Set(['ENOENT', 'ENOTDIR', 'ENXIO']);

  const hash = (path: string, report: (bytes: number) => void): Answer => {
    // Does not wait for the other end of a pipe.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const before = fstatSync(file, { bigint: true });
      if (!before.isFile()) return undefined;
      const ageMs = Date.now() - Math.max(Number(before.mtimeMs), Number(before.ctimeMs));
      const md5 = createHash('md5');
      let [size, unreported] = [0, 0];
      for (let read = -1; read !== 0;) {
        read = readSync(file, room, 0, room.length, size);
        md5.update(room.subarray(0, read));
        size += read;
        unreported += read;
        if (unreported < reportBytes && read !== 0) continue;
        report(unreported);
        unreported = 0;
      }
      const stamps = [before, fstatSync(file, { bigint: true })].map(
        (stats) => `${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}-${stats.ino}`,
      );
      const isSettled = stamps[0] === stamps[1] && ageMs >= settledMs;
      return { size, md5: md5.digest('hex'), ...(isSettled && { stamp: stamps[0]! }) };
    } finally {
      closeSync(file);
    }
  };

  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  const post = (message: Message): void => parentPort?.postMessage(message);
  parentPort?.on('message', (paths: readonly string[]) => {
    let unreported = 0;
    const answers = paths.map((path): Answer => {
      try {
        return hash(path, (bytes) => {
          unreported += bytes;
          if (unreported < reportBytes) return;
          post({ files: 0, bytes: unreported });
          unreported = 0;
        });
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : '';
        return absent.has(code) ? undefined : { code, message: String(error) };
      }
    });
    post({ files: paths.length, bytes: unreported, answers });
  });
}
