import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdtemp, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { encoderOf, soundEncoderOf } from '../../container/worker/ffmpeg-args';
import { blenderVersion, findProgram, hasDenoiser, hasEncoder } from '../../container/worker/programs';
import { sandboxed, sandboxGaps, whyNoSandbox } from '../../container/worker/sandbox';
import { VIDEO_FORMATS } from '../../core/contract/video-format';
import { messageOf } from '../../core/errors';
import type { BlenderVersion } from '../../core/render/blender-version';
import { hasDisplay } from '../local/has-display';

const run = promisify(execFile);

const PROGRAM_MS = 60_000;

/** What was found, or why it could not be. */
export type Found<T> = { readonly value: T } | { readonly fault: string };

/** What an ffmpeg can't make, and for want of what. */
export interface MissingEncoder {
  readonly video: string;
  readonly encoder: string;
  /** Of its sound alone. */
  readonly isSound: boolean;
}

/** What this machine is like, as far as renders are concerned. */
export interface LocalFacts {
  /** Such as `v20.20.0`. */
  readonly node: string;
  readonly blender: Found<{
    readonly path: string;
    readonly version: BlenderVersion;
    /** Whether it has OpenImageDenoise; absent if it does not answer. */
    readonly hasDenoiser?: boolean | undefined;
  }>;
  readonly ffmpeg: Found<{
    readonly path: string;
    readonly version: string;
    readonly missing: readonly MissingEncoder[];
  }>;
  readonly hasDisplay: boolean;
  readonly sandbox: {
    /** Why there is none at all. */
    readonly none?: string | undefined;
    /** What this kernel lacks: `missing: …` is open, `replaced: …` is closed by other means. */
    readonly lacks: readonly string[];
    /** Why nothing can be started in it. */
    readonly fault?: string | undefined;
  };
  readonly disks: ReadonlyArray<{ readonly path: string; readonly freeBytes: number }>;
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number };
  /** Where `render` writes to where nothing else is said. */
  readonly output: { readonly path: string; readonly exists: boolean; readonly isWritable: boolean };
}

/** Asks programs and system, all at a time. */
export async function findLocalFacts(environment: NodeJS.ProcessEnv, folder: string): Promise<LocalFacts> {
  const output = outputOf(folder);
  const [blender, ffmpeg, sandbox, ...disks] = await Promise.all([
    found(() => findBlender(environment)),
    found(() => findFfmpeg(environment)),
    trySandbox(environment),
    ...[existing(output.path), tmpdir()].map(freeSpace),
  ]);
  const memory = { totalBytes: totalmem(), availableBytes: process.availableMemory() };
  const display = hasDisplay(environment, process.platform);
  return {
    node: process.version,
    blender,
    ffmpeg,
    hasDisplay: display,
    sandbox,
    disks: disks.filter(({ device }, i) => disks.findIndex((disk) => disk.device === device) === i),
    memory,
    output,
  };
}

async function found<T>(find: () => Promise<T>): Promise<Found<T>> {
  try {
    return { value: await find() };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

async function findBlender(environment: NodeJS.ProcessEnv) {
  const path = findProgram('blender', environment);
  const version = await blenderVersion(path, environment);
  return { path, version, hasDenoiser: await hasDenoiser(path, environment) };
}

async function findFfmpeg(environment: NodeJS.ProcessEnv) {
  const path = findProgram('ffmpeg', environment);
  const { stdout } = await run(path, ['-version'], { env: environment, timeout: PROGRAM_MS });
  const version = /^ffmpeg version (\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${path} does not answer as ffmpeg does`);
  const wanted = VIDEO_FORMATS.filter((format) => format !== 'none').flatMap((video) => {
    const sound = soundEncoderOf(video);
    const picture = { video, encoder: encoderOf(video), isSound: false };
    return sound === undefined ? [picture] : [picture, { video, encoder: sound, isSound: true }];
  });
  const there = await Promise.all(wanted.map(({ encoder }) => hasEncoder(path, encoder, environment)));
  return { path, version, missing: wanted.filter((_, i) => !there[i]) };
}

/** Starts something in the sandbox, as Blender is started in it. */
async function trySandbox(environment: NodeJS.ProcessEnv): Promise<LocalFacts['sandbox']> {
  const none = whyNoSandbox(environment);
  if (none !== undefined) return { none, lacks: [] };
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-doctor-'));
  try {
    const lacks = await sandboxGaps(environment);
    const command = sandboxed([process.execPath, '--version'], { write: [folder] }, environment);
    const [program = '', ...args] = command;
    await run(program, args, { env: environment, timeout: PROGRAM_MS });
    return { lacks };
  } catch (error) {
    return { lacks: [], fault: messageOf(error) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function freeSpace(path: string) {
  const { bavail, bsize } = await statfs(path);
  const { dev: device } = await stat(path);
  return { path, device, freeBytes: bavail * bsize };
}

function outputOf(folder: string): LocalFacts['output'] {
  const path = resolve(folder);
  const exists = existsSync(path);
  try {
    accessSync(existing(path), constants.W_OK | constants.X_OK);
    return { path, exists, isWritable: true };
  } catch {
    return { path, exists, isWritable: false };
  }
}

/** The folder itself, or the nearest one above that is there. */
function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}
