import { join } from 'node:path';
import { findExecutable } from '../../core/processes/find-executable';

type Environment = Readonly<Record<string, string | undefined>>;

/** Beside the worker, in its bundle too. */
const SCRIPT = join(__dirname, 'sandbox.pl');

/**
 * The same command, started so that it can write below `folder` only, has no network, and can neither read nor signal
 * the worker or anything else around it (see `sandbox.pl`, which also says what the kernel at hand lacks). Where there is
 * no sandbox (`whyNoSandbox`) the command comes back as it is.
 */
export function sandboxed(command: readonly string[], folder: string, environment: Environment): string[] {
  const perl = findPerl(environment);
  return perl === undefined ? [...command] : [perl, SCRIPT, folder, '--', ...command];
}

/** Why programs are started without a sandbox; `undefined` where they have one. */
export function whyNoSandbox(environment: Environment): string | undefined {
  if (findPerl(environment) !== undefined) return undefined;
  const why = isSwitchedOff(environment)
    ? 'SPOTREEL_SANDBOX is off'
    : process.platform === 'linux'
      ? 'there is no perl on PATH'
      : 'only Linux has one';
  return `no sandbox: ${why}; Blender and ffmpeg can write and reach the network as this user can`;
}

function findPerl(environment: Environment): string | undefined {
  if (process.platform !== 'linux' || isSwitchedOff(environment)) return undefined;
  return findExecutable('perl', environment.PATH);
}

const isSwitchedOff = ({ SPOTREEL_SANDBOX }: Environment): boolean => SPOTREEL_SANDBOX === 'off';
