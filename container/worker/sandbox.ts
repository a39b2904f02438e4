import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findExecutable } from '../../core/processes/find-executable';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a program in the sandbox may use. */
export interface SandboxGrant {
  /** It can change files below these folders and nowhere else. They must exist. */
  readonly write: readonly string[];
  /** It keeps file descriptor 3, on which Blender reports. */
  readonly events?: boolean;
}

/** In the same folder as the worker's bundle. */
const SCRIPT = join(__dirname, 'sandbox.pl');

/**
 * The same command, started in the sandbox: see `sandbox.pl` and ADR 11. Where there is no sandbox (`whyNoSandbox`), it
 * returns the command unchanged.
 */
export function sandboxed(
  command: readonly string[],
  { write, events = false }: SandboxGrant,
  environment: Environment,
): string[] {
  const script = findScript(environment);
  if (script === undefined) return [...command];
  return [...script, ...(events ? ['--events'] : []), ...write, '--', ...command];
}

/** Why programs start without a sandbox; `undefined` if they have one. */
export function whyNoSandbox(environment: Environment): string | undefined {
  if (findScript(environment) !== undefined) return undefined;
  const why = isSwitchedOff(environment)
    ? 'SPOTREEL_SANDBOX is off'
    : process.platform === 'linux'
      ? 'there is no perl on PATH'
      : 'only Linux has one';
  return `there is none: ${why}; Blender and ffmpeg can write and reach the network as this user can`;
}

/**
 * What this kernel's sandbox lacks, one line each: `missing: …` is open, `replaced: …` is closed by other means. Empty
 * if there is no sandbox at all.
 */
export async function sandboxGaps(environment: Environment): Promise<string[]> {
  const [perl, ...script] = findScript(environment) ?? [];
  if (perl === undefined) return [];
  const { stdout } = await promisify(execFile)(perl, [...script, '--check']);
  return stdout.split('\n').filter((line) => line !== '');
}

function findScript(environment: Environment): string[] | undefined {
  if (process.platform !== 'linux' || isSwitchedOff(environment)) return undefined;
  const perl = findExecutable('perl', environment.PATH);
  const { SPOTREEL_LANDLOCK_ABI: abi } = environment;
  return perl === undefined
    ? undefined
    : [perl, SCRIPT, ...(abi === undefined ? [] : ['--landlock-abi', abi])];
}

const isSwitchedOff = ({ SPOTREEL_SANDBOX }: Environment): boolean => SPOTREEL_SANDBOX === 'off';
