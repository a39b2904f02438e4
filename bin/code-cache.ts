import { createHash } from 'node:crypto';
import {
  fstatSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import Module, { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** Bytes of the digest before the compiled code. */
const DIGEST_BYTES = 32;

/** A program that is compiled and can be run. */
export interface Compiled {
  readonly script: Script;
  readonly isFromCache: boolean;
  /** Keeps the compiled code, with the functions that ran, for the next start. */
  readonly save: () => void;
}

/**
 * Compiles a CommonJS file, from the code that an earlier process saved as `path`, if that belongs to this file, this Node
 * and this user. V8 trusts such code, so others must not be able to write it. Node's own cache needs Node 22.
 */
export function compile(file: string, path: string): Compiled {
  const source = Module.wrap(readFileSync(file, 'utf8'));
  const { mtimeMs, size, ino } = statSync(file);
  const key = JSON.stringify([file, mtimeMs, size, ino, process.version, process.arch]);
  const cachedData = readSaved(path, key);
  const script = new Script(source, { filename: file, ...(cachedData && { cachedData }) });
  const isFromCache = cachedData !== undefined && script.cachedDataRejected === false;
  return { script, isFromCache, save: () => writeSaved(path, key, script.createCachedData()) };
}

function readSaved(path: string, key: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { uid, mode } = fstatSync(file);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) return undefined;
    const saved = readFileSync(file);
    const data = saved.subarray(DIGEST_BYTES);
    return digest(key, data).equals(saved.subarray(0, DIGEST_BYTES)) ? data : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Has no effect where it cannot write. */
function writeSaved(path: string, key: string, data: Buffer): void {
  const partial = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(partial, Buffer.concat([digest(key, data), data]), { mode: 0o600 });
    renameSync(partial, path);
  } catch {
    // The next start takes as long as this one.
  }
}

const digest = (key: string, data: Buffer): Buffer => createHash('sha256').update(key).update(data).digest();

/** Loads a CommonJS file, which `require` then finds. `use` names the use of it, as each compiles other functions. */
export function load(file: string, use: string): void {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const { script, isFromCache, save } = compile(file, join(cache, 'spotreel', 'code', use));
  // After the work, when the functions that it needs are compiled.
  if (!isFromCache) process.once('exit', save);
  const module = new Module(file);
  module.filename = file;
  const require = createRequire(file);
  require.cache[file] = module;
  script.runInThisContext().call(module.exports, module.exports, require, module, file, dirname(file));
  module.loaded = true;
}
