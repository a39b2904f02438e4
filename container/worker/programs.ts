import { SpotreelError, messageOf } from '../../core/errors';
import { findExecutable } from '../../core/processes/find-executable';
import { runProgram } from '../../core/processes/run-program';
import { parseBlenderVersion, type BlenderVersion } from '../../core/render/blender-version';

/** The programs that do the work. */
export type Program = 'blender' | 'ffmpeg';

/** Where macOS puts an application that is on no PATH. */
const BESIDE_PATH: Record<Program, readonly string[]> = {
  blender: ['/Applications/Blender.app/Contents/MacOS/Blender'],
  ffmpeg: [],
};

type Environment = Readonly<Record<string, string | undefined>>;

/** The most time that a program may take to answer a question about itself. */
const ANSWER_MS = 60_000;

/** The variable that names another program than the first on PATH. */
export const programVariable = (program: Program): string => `SPOTREEL_${program.toUpperCase()}`;

/**
 * The path of a program: what `SPOTREEL_BLENDER` or `SPOTREEL_FFMPEG` says, else the first on PATH. Throws
 * `no-program` saying how to get it.
 */
export function findProgram(program: Program, environment: Environment): string {
  const named = environment[programVariable(program)];
  const names = named ? [named] : [program, ...BESIDE_PATH[program]];
  for (const name of names) {
    const path = findExecutable(name, environment.PATH);
    if (path) return path;
  }
  const variable = programVariable(program);
  const sought = named ? `${variable} is ${named}, which can't be run` : `there is no ${program} on PATH`;
  throw new SpotreelError(
    'no-program',
    'usage',
    `${sought}; install it (Debian and Ubuntu: apt-get install ${program}, macOS: brew install ${program}) or set ${variable} to its path`,
  );
}

/**
 * Throws `no-encoder` when an ffmpeg can't make a format for want of this encoder; one that only can't be asked shows its
 * fault when it is used.
 */
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

/** Whether it has, as far as it says: where it does not answer, its own words will tell later. */
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
export async function blenderVersion(
  blender: string,
  environment: NodeJS.ProcessEnv,
): Promise<BlenderVersion> {
  try {
    const { stdout } = await runProgram([blender, '--version'], { environment, timeoutMs: ANSWER_MS });
    const words = stdout.toString();
    // Blender may print other lines first, such as the OpenColorIO configuration that `OCIO` names.
    const version = parseBlenderVersion(/^Blender (\d.*)$/m.exec(words)?.[1] ?? '');
    if (version) return version;
    throw new Error(`it printed "${words.slice(0, 100).trim()}"`);
  } catch (error) {
    const message = `cannot determine the version of ${blender}: ${messageOf(error)}; set SPOTREEL_BLENDER to a working Blender`;
    throw new SpotreelError('no-program', 'usage', message, { cause: error });
  }
}

const ASK_DENOISER = 'import _cycles; print("openimagedenoise", _cycles.with_openimagedenoise)';

/** Whether a Blender was built with OpenImageDenoise, as those of blender.org are; `undefined` if it does not answer. Takes a second. */
export async function hasDenoiser(
  blender: string,
  environment: NodeJS.ProcessEnv,
): Promise<boolean | undefined> {
  const command = [blender, '--background', '--factory-startup', '--python-expr', ASK_DENOISER];
  const output = await runProgram(command, { environment, timeoutMs: ANSWER_MS }).catch(() => undefined);
  const answer = /^openimagedenoise (True|False)$/m.exec(output?.stdout.toString() ?? '')?.[1];
  return answer === undefined ? undefined : answer === 'True';
}
