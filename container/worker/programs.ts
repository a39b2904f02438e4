import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, SpotreelError } from '../../core/errors';
import { findExecutable, runProgram, usualPaths } from '../../core/processes/run-program';
import {
  BLENDER_DOWNLOAD,
  type BlenderVersion,
  parseBlenderVersion,
} from '../../core/render/blender-version';

/** Variables of the worker that Blender, ffmpeg and their libraries may read. */
const PASSED_ON = ['PATH', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'OCIO', 'TZ'];

/** Variables that NVIDIA's libraries read in a container with GPUs. */
const FAMILIES_PASSED_ON = /^(CUDA|NVIDIA)_/;

/**
 * The environment of a program that opens uploaded files. It is a short list, so that a scene's scripts never see
 * credentials. `folder` is the program's home and temporary folder, which it may write to.
 */
export function programEnvironment(environment: NodeJS.ProcessEnv, folder: string): NodeJS.ProcessEnv {
  const passed = Object.entries(environment).filter(
    ([name]) => PASSED_ON.includes(name) || FAMILIES_PASSED_ON.test(name),
  );
  return { ...Object.fromEntries(passed), HOME: folder, TMPDIR: folder };
}

/** A program that the worker runs. */
export type Program = 'blender' | 'ffmpeg';

type Environment = Readonly<Record<string, string | undefined>>;

/** The most time that a program may take to answer a question about itself. */
const ANSWER_MS = 60_000;

/** The variable that names a program in place of the first on PATH. */
export const programVariable = (program: Program): string => `SPOTREEL_${program.toUpperCase()}`;

/** How to get each program. Debian's Blender is too old for many scenes, so the download comes first. */
const INSTALL: Readonly<Record<Program, string>> = {
  blender: `download it from ${BLENDER_DOWNLOAD} (macOS: brew install --cask blender)`,
  ffmpeg: 'install it (Debian and Ubuntu: apt-get install ffmpeg, macOS: brew install ffmpeg)',
};

/**
 * The path of a program: `SPOTREEL_BLENDER` or `SPOTREEL_FFMPEG` if set, else the first on PATH. Throws `no-program` with
 * the way to get it.
 */
export function findProgram(program: Program, environment: Environment): string {
  const named = environment[programVariable(program)];
  const names = named ? [named] : [program, ...usualPaths(program, process.platform)];
  for (const name of names) {
    const path = findExecutable(name, environment.PATH);
    if (path) return path;
  }
  const variable = programVariable(program);
  const message = named
    ? `${variable} is ${named}, which cannot be run; correct it, or run "unset ${variable}" to use the first ${program} on PATH; to get one, ${INSTALL[program]}`
    : `there is no ${program} on PATH; ${INSTALL[program]}, or set ${variable} to its path`;
  throw new SpotreelError('no-program', 'usage', message);
}

/** Throws `no-encoder` if an ffmpeg lacks the encoder of a format. An ffmpeg that does not answer fails in use. */
export async function requireEncoder(
  ffmpeg: string,
  encoder: string,
  video: string,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  if (await hasEncoder(ffmpeg, encoder, environment)) return;
  const message = `${ffmpeg} has no encoder ${encoder}, which video ${video} needs; install an ffmpeg that has it (Debian's, Ubuntu's and Homebrew's do) and name it in ${programVariable('ffmpeg')}, or ask for another --video`;
  throw new SpotreelError('no-encoder', 'usage', message);
}

/** Whether an ffmpeg has an encoder; `true` if it does not answer, as its own error will show why later. */
export async function hasEncoder(
  ffmpeg: string,
  encoder: string,
  environment: NodeJS.ProcessEnv,
): Promise<boolean> {
  const command = [ffmpeg, '-hide_banner', '-h', `encoder=${encoder}`];
  const output = await runProgram(command, { environment, timeoutMs: ANSWER_MS }).catch(() => undefined);
  return !output || output.stdout.toString().startsWith(`Encoder ${encoder}`);
}

/** Asks a Blender for its version. Throws `no-program` if no line of its answer names one. */
export async function askBlenderVersion(
  blender: string,
  environment: NodeJS.ProcessEnv,
): Promise<BlenderVersion> {
  return parseBlenderVersion(await askBlenderRelease(blender, environment))!;
}

/** The same in full, such as `5.2.3` or `5.2.0 LTS`. */
export async function askBlenderRelease(blender: string, environment: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await runProgram([blender, '--version'], { environment, timeoutMs: ANSWER_MS });
    const words = stdout.toString();
    // Blender may print other lines first, such as the OpenColorIO configuration that `OCIO` names.
    const version = /^Blender (\d.*)$/m.exec(words)?.[1]?.trim();
    if (version !== undefined && parseBlenderVersion(version)) return version;
    throw new Error(`it printed "${words.slice(0, 100).trim()}"`);
  } catch (error) {
    const message = `cannot determine the version of ${blender}: ${messageOf(error)}; set SPOTREEL_BLENDER to a working Blender`;
    throw new SpotreelError('no-program', 'usage', message, { cause: error });
  }
}

const ASK_DENOISER = 'import _cycles; print("openimagedenoise", _cycles.with_openimagedenoise)';

/** Whether a Blender has OpenImageDenoise, as those of blender.org do; `undefined` if it does not answer. Takes 1 s. */
export async function hasDenoiser(
  blender: string,
  environment: NodeJS.ProcessEnv,
): Promise<boolean | undefined> {
  const command = [blender, '--background', '--factory-startup', '--python-expr', ASK_DENOISER];
  const output = await runProgram(command, { environment, timeoutMs: ANSWER_MS }).catch(() => undefined);
  const answer = /^openimagedenoise (True|False)$/m.exec(output?.stdout.toString() ?? '')?.[1];
  return answer === undefined ? undefined : answer === 'True';
}

/** Rights of a program in the sandbox. */
export interface SandboxGrant {
  /** The only folders below which it can change files. They must exist. */
  readonly write: readonly string[];
  /** It keeps file descriptor 3, on which Blender reports. */
  readonly events?: boolean;
}

/** In the same folder as the worker's bundle. */
const SCRIPT = join(__dirname, 'sandbox.pl');

/**
 * The command that starts `command` in the sandbox: see `sandbox.pl` and ADR 11. Without a sandbox (`whyNoSandbox`), it
 * returns `command` unchanged.
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
      ? 'perl is missing on PATH'
      : 'it needs Linux';
  return `off: ${why}; Blender and ffmpeg can write files and use the network as this user can`;
}

/**
 * What this kernel's sandbox lacks, one line each: `missing: …` is open, `replaced: …` is closed by other means. Empty
 * without a sandbox.
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
