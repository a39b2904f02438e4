import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { findExecutable, runProgram } from '../../core/processes/run-program';
import { standInScript } from '../support/blender-stand-in';
import { ROOT } from '../support/source-files';

const MODULE_PROGRAM = join(ROOT, 'test/fixtures/programs/bpy-blender.py');

/** A Blender to compare with. */
export interface BlenderAtHand {
  /** The command before its arguments. */
  readonly command: readonly string[];
  /** `4.5.15`. */
  readonly version: string;
  /** Whether it is the Python module `bpy`. */
  readonly isModule: boolean;
  /** Present if its Cycles renders by GPUs. */
  readonly device?: 'gpu';
}

/**
 * Finds a Blender by `blender` or a path; the module `bpy` by the path of a Python that has it, or by `bpy:4.5.15` in the
 * virtual environment of that name (`scripts/setup.mjs --pixels` makes it). Throws if it does not run.
 */
export async function findBlender(named: string): Promise<BlenderAtHand> {
  const path = named.startsWith('bpy:') ? join(ROOT, '.venv-bpy', named.slice(4), 'bin/python') : named;
  const program = findExecutable(path.includes('/') ? resolve(path) : path, process.env.PATH);
  if (!program || !existsSync(program)) {
    throw new Error(`${path} cannot be run; name a Blender, or run: node scripts/setup.mjs --pixels`);
  }
  const isModule = basename(program).startsWith('python');
  const command = isModule ? [program, MODULE_PROGRAM] : [program];
  const { stdout } = await runProgram([...command, '--version'], { environment: process.env });
  const version = /^Blender (\d+\.\d+\.\d+)/m.exec(stdout.toString())?.[1];
  if (version === undefined) throw new Error(`${path} does not print a version of Blender`);
  return { command, version, isModule };
}

/**
 * The environment that has Spotreel use this Blender, by a script in `folder` that knows the version: to ask Blender
 * costs as much as a scene.
 */
export function environmentFor(blender: BlenderAtHand, folder: string): Record<string, string> {
  const script = join(folder, 'blender');
  writeFileSync(script, standInScript(blender.command, blender.version));
  chmodSync(script, 0o755);
  const path = `${dirname(blender.command[0]!)}${delimiter}${process.env.PATH}`;
  return { SPOTREEL_BLENDER: script, ...(blender.isModule && { PATH: path }) };
}

/** `[4, 5]` of `4.5.15`. */
export function seriesOf({ version }: BlenderAtHand): readonly [number, number] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return [major, minor];
}

/** Whether a series such as `[4, 5]` is older than another. */
export function isOlder([major, minor]: readonly [number, number], than: readonly [number, number]): boolean {
  return major < than[0] || (major === than[0] && minor < than[1]);
}
