import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from './source-files';

/** The worker's user in the image. */
const WORKER = 10_001;

const isRoot = process.getuid?.() === 0;

/** Users whose programs are tried in the sandbox. Only root can become another user. */
export const SANDBOX_USERS: readonly number[] = isRoot ? [0, WORKER] : [process.getuid!()];

if (!isRoot)
  console.warn('NOT TESTED: the sandbox as root and as uid 10001, because this test does not run as root');

/** Landlock ABIs to try: Debian 12 and Amazon Linux 2023 have 2. `undefined` is the one of this kernel. */
export const SANDBOX_ABIS: ReadonlyArray<number | undefined> = [2, 5, undefined];

/** Every pair of these, with words for the names of tests. */
export const USERS_AND_ABIS = SANDBOX_USERS.flatMap((user) =>
  SANDBOX_ABIS.map((abi) => ({ user, abi, of: abi === undefined ? "the kernel's own" : String(abi) })),
);

/** The environment in which programs start under this ABI. */
export function abiEnvironment(abi: number | undefined): NodeJS.ProcessEnv {
  return abi === undefined ? {} : { SPOTREEL_LANDLOCK_ABI: String(abi) };
}

/** The same command, started as this user. */
export function asUser(user: number, command: readonly string[]): string[] {
  if (user === process.getuid!()) return [...command];
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--', ...command];
}

/** Makes a folder that belongs to this user. */
export function folderOf(user: number, path: string): string {
  mkdirSync(path, { recursive: true });
  if (isRoot) chownSync(path, user, user);
  return path;
}

/** Copies a file of the checkout, which other users may be unable to read, into a folder; gives its path there. */
export function copyOf(file: string, folder: string): string {
  const path = join(folder, basename(file));
  copyFileSync(join(ROOT, file), path);
  chmodSync(path, 0o644);
  return path;
}
