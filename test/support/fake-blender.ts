import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { standInScript } from './blender-stand-in';
import { ROOT } from './source-files';

/** What the fake can do wrong at a frame; see `test/fixtures/programs/fake-blender.js`. */
export type BlenderFault =
  | 'crash'
  | 'fail'
  | 'truncate'
  | 'no-file'
  | 'quit'
  | 'small'
  /** It says that it failed to write, then that it saved, and leaves half a file. */
  | 'error-then-saved'
  | 'empty'
  /** It dies with half of the file written. */
  | 'die-saving'
  /** It hangs without output. */
  | 'hang'
  /** It finds that a file is missing. */
  | 'missing'
  /** It is out of memory. */
  | 'memory';

/** See `test/fixtures/programs/fake-blender.js`. */
export interface FakeBehaviour {
  readonly width: number;
  readonly height: number;
  readonly version?: string;
  readonly refuse?: string;
  readonly delayMs?: number;
  /** Frames that take until there is a file at this path. */
  readonly hold?: { readonly frames: readonly number[]; readonly until: string };
  readonly faults?: Readonly<Record<number, BlenderFault>>;
  /** A folder in which a fault is noted, so that it happens only once; `onceFor` these frames, or for all. */
  readonly onceIn?: string;
  readonly onceFor?: readonly number[];
  /** Frames that are one grey each, from 0 to 255, in place of noise: a video keeps those apart. */
  readonly greys?: Readonly<Record<number, number>>;
  /** Frames that nothing can compress, each another. */
  readonly noise?: boolean;
  /** A file to which each beginning and end of a frame is appended, as a JSON line. */
  readonly log?: string;
  /** What it says of kept data at a frame. The log has `fresh` if it must keep none. */
  readonly data?: Readonly<Record<number, object>>;
  /** A folder of the machine in which frames are stored: the log then says whether the frame was there at its beginning. */
  readonly storedIn?: string;
}

/** Writes a fake Blender with these faults; gives the environment in which Spotreel uses it. */
export function installFakeBlender(path: string, behaviour: FakeBehaviour): NodeJS.ProcessEnv {
  const fake = join(ROOT, 'test/fixtures/programs/fake-blender.js');
  const program = `${path}.js`;
  writeFileSync(program, `require(${JSON.stringify(fake)})(${JSON.stringify(behaviour)});\n`);
  writeFileSync(path, standInScript(['node', program], behaviour.version ?? '3.4.1'));
  chmodSync(path, 0o755);
  // The fake's notes are outside of the worker's scratch folder.
  const takesNotes = behaviour.onceIn !== undefined || behaviour.log !== undefined;
  return { SPOTREEL_BLENDER: path, ...(takesNotes && { SPOTREEL_SANDBOX: 'off' }) };
}
