import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { cacheFolder } from '../core/storage/file-writes';

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
 * Compiles a CommonJS file, from the code that an earlier process saved as `path`, if that belongs to this source, this Node
 * and this user. V8 trusts such code, so others must not be able to write it. Node's own cache needs Node 22.
 */
export function compile(file: string, path: string): Compiled {
  const source = Module.wrap(readFileSync(file, 'utf8'));
  // V8 compares only the length of the source, and all files of a package have the same time.
  const content = createHash('sha256').update(source).digest('hex');
  const key = JSON.stringify([file, content, process.version, process.arch]);
  const cachedData = readSaved(path, key);
  const script = new Script(source, { filename: file, ...(cachedData && { cachedData }) });
  const isFromCache = cachedData !== undefined && script.cachedDataRejected === false;
  return { script, isFromCache, save: () => writeSaved(path, key, script.createCachedData()) };
}

function readSaved(path: string, key: string): Buffer | undefined {
  let file: number | undefined;
  try {
    if (!isInOwnFolder(path)) return undefined;
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = fstatSync(file);
    if (!stats.isFile() || !isOwn(stats)) return undefined;
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
    if (!isInOwnFolder(path)) return;
    // A process with the same id may have ended while it wrote.
    rmSync(partial, { force: true });
    writeFileSync(partial, Buffer.concat([digest(key, data), data]), { mode: 0o600, flag: 'wx' });
    renameSync(partial, path);
  } catch {
    // The next start takes as long as this one.
  }
}

/**
 * Whether no other user can put a file or link at `path`. In a shared folder such as `/tmp`, the folder above must be this
 * user's too, because its owner can replace what is in it.
 */
function isInOwnFolder(path: string): boolean {
  const [folder, above] = [lstatSync(dirname(path)), lstatSync(dirname(dirname(path)))];
  return folder.isDirectory() && isOwn(folder) && above.isDirectory() && isOwn(above, 0o002);
}

/** Whether a file is this user's and has none of these rights for others. */
const isOwn = ({ uid, mode }: Stats, others = 0o022): boolean =>
  uid === process.getuid?.() && (mode & others) === 0;

const digest = (key: string, data: Buffer): Buffer => createHash('sha256').update(key).update(data).digest();

/**
 * Loads a CommonJS file, which `require` then finds. `use` names the use of it, as each compiles other functions. Node loads
 * the file itself for a user without a cache folder.
 */
export function load(file: string, use: string): void {
  const cache = cacheFolder();
  if (cache === undefined) return void createRequire(file)(file);
  const { script, isFromCache, save } = compile(file, join(cache, 'code', use));
  // After the work, when the functions that it needs are compiled.
  if (!isFromCache) process.once('exit', save);
  const module = new Module(file);
  module.filename = file;
  const require = createRequire(file);
  require.cache[file] = module;
  script.runInThisContext().call(module.exports, module.exports, require, module, file, dirname(file));
  module.loaded = true;
}
