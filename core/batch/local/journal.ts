import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, truncateSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf, SpotreelError } from '../../errors';
import { fileError } from '../../storage/file-error';
import { openRegularFile, readRegularFile } from '../../storage/regular-file';
import { isSyncUnsupported } from '../../storage/sync-disk';

const NEWLINE = '\n'.charCodeAt(0);

/**
 * An append-only file of JSON lines.
 *
 * A line that was written is in the kernel's hands and so survives the death of this program, whatever kills it. Lines that must
 * survive a power cut as well are synced to the disk. Others may be missing then, and an attempt is run again, whose programs look
 * at what is there already.
 */
export class Journal {
  readonly #path: string;
  #file: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * @param durable whether the line, and all before it, are on the disk when this returns
   * @throws SpotreelError `journal-write` when the line can't be written; then the file is as it was before.
   */
  append(value: unknown, durable = false): void {
    try {
      // Opened at the first line: jobs that ended long ago need no file handle.
      this.#file ??= openRegularFile(this.#path, 'append');
      const isNew = fstatSync(this.#file).size === 0;
      writeWhole(this.#file, Buffer.from(`${JSON.stringify(value)}\n`));
      if (durable) syncToDisk(this.#file);
      if (durable && isNew) syncFolderOf(this.#path);
    } catch (error) {
      const message = `can't write ${this.#path}: ${messageOf(error)}; make room on the disk and start again`;
      throw new SpotreelError('journal-write', 'passing', message, { cause: error });
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function syncToDisk(file: number): void {
  try {
    fsyncSync(file);
  } catch (error) {
    if (!isSyncUnsupported(error)) throw error;
  }
}

/** A new file has its name in its folder. */
function syncFolderOf(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    syncToDisk(folder);
  } finally {
    closeSync(folder);
  }
}

/** A line written by half would spoil the line after it, so it is taken back. */
function writeWhole(file: number, bytes: Buffer): void {
  const { size } = fstatSync(file);
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
  }
}

/**
 * The values of a journal's lines. A last line without its line end was being written when everything stopped: it
 * is cut off, in the file as well.
 *
 * @throws SpotreelError `journal-corrupt` when another line is no JSON.
 */
export function readJournal(path: string): unknown[] {
  const bytes = readBytes(path);
  const length = bytes.lastIndexOf(NEWLINE) + 1;
  if (length < bytes.length) truncateSync(path, length);
  return parseLines(path, bytes.toString('utf8', 0, length));
}

/**
 * The same of a journal that another process may be writing: nothing is cut off.
 *
 * @throws SpotreelError `journal-corrupt`
 */
export function peekJournal(path: string): unknown[] {
  const bytes = readBytes(path);
  return parseLines(path, bytes.toString('utf8', 0, bytes.lastIndexOf(NEWLINE) + 1));
}

function readBytes(path: string): Buffer {
  try {
    return readRegularFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw error;
    throw fileError(error, path, 'read');
  }
}

function parseLines(path: string, text: string): unknown[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as unknown;
    } catch (error) {
      throw journalCorrupt(path, i + 1, 'it is no JSON', error);
    }
  });
}

/** @param line 1-based */
export function journalCorrupt(path: string, line: number, what: string, cause?: unknown): SpotreelError {
  const message = `line ${line} of ${path} is damaged (${what}); remove the file to forget this job`;
  return new SpotreelError('journal-corrupt', 'internal', message, { cause });
}
