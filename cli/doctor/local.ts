import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdtemp, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  askBlenderVersion,
  findProgram,
  hasDenoiser,
  hasEncoder,
  sandboxed,
  sandboxGaps,
  whyNoSandbox,
} from '../../container/worker/programs';
import { encoderOf, soundEncoderOf } from '../../container/worker/video/ffmpeg';
import { messageOf } from '../../core/errors';
import {
  type BlenderVersion,
  compareBlenderVersions,
  formatBlenderVersion,
  oldBlender,
} from '../../core/render/blender-version';
import { VIDEO_FORMATS } from '../../core/render/video';
import { denoiserFix } from '../../core/scene/findings/scene';
import { hasDisplay } from '../local/farm';
import { type Check, ok, warning, wrong } from './check';

const run = promisify(execFile);

const PROGRAM_MS = 60_000;

/** A value, or why it is missing. */
export type Found<T> = { readonly value: T } | { readonly fault: string };

/** A video format that an ffmpeg cannot make, and the missing encoder. */
export interface MissingEncoder {
  readonly video: string;
  readonly encoder: string;
  /** Whether the encoder is for sound. */
  readonly isSound: boolean;
}

/** Facts about this machine that matter for renders. */
export interface LocalFacts {
  /** Such as `v20.20.0`. */
  readonly node: string;
  readonly blender: Found<{
    readonly path: string;
    readonly version: BlenderVersion;
    /** Whether it has OpenImageDenoise; absent if it does not answer. */
    readonly hasDenoiser?: boolean;
  }>;
  readonly ffmpeg: Found<{
    readonly path: string;
    readonly version: string;
    readonly missing: readonly MissingEncoder[];
  }>;
  readonly hasDisplay: boolean;
  readonly sandbox: {
    /** Why there is no sandbox. */
    readonly none?: string;
    /** Features that this kernel lacks: `missing: …` is unprotected, `replaced: …` is protected by other means. */
    readonly lacks: readonly string[];
    /** Why programs cannot start in it. */
    readonly fault?: string;
  };
  readonly disks: ReadonlyArray<{ readonly path: string; readonly freeBytes: number }>;
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number };
  /** Default output of `render`. */
  readonly output: { readonly path: string; readonly exists: boolean; readonly isWritable: boolean };
}

/** Asks programs and the system in parallel. */
export async function findLocalFacts(environment: NodeJS.ProcessEnv, folder: string): Promise<LocalFacts> {
  const output = outputOf(folder);
  const [blender, ffmpeg, sandbox, ...disks] = await Promise.all([
    tryToFind(() => findBlender(environment)),
    tryToFind(() => findFfmpeg(environment)),
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

async function tryToFind<T>(find: () => Promise<T>): Promise<Found<T>> {
  try {
    return { value: await find() };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

async function findBlender(environment: NodeJS.ProcessEnv) {
  const path = findProgram('blender', environment);
  const version = await askBlenderVersion(path, environment);
  return { path, version, hasDenoiser: await hasDenoiser(path, environment) };
}

async function findFfmpeg(environment: NodeJS.ProcessEnv) {
  const path = findProgram('ffmpeg', environment);
  const { stdout } = await run(path, ['-version'], { env: environment, timeout: PROGRAM_MS });
  const version = /^ffmpeg version (\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${path} does not respond like ffmpeg`);
  const wanted = VIDEO_FORMATS.filter((format) => format !== 'none').flatMap((video) => {
    const sound = soundEncoderOf(video);
    const picture = { video, encoder: encoderOf(video), isSound: false };
    return sound === undefined ? [picture] : [picture, { video, encoder: sound, isSound: true }];
  });
  const there = await Promise.all(wanted.map(({ encoder }) => hasEncoder(path, encoder, environment)));
  return { path, version, missing: wanted.filter((_, i) => !there[i]) };
}

/** Starts a program in the sandbox, as the worker starts Blender. */
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

/** The path, or its nearest existing parent. */
function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

/** As in package.json. */
export const LEAST_NODE = { major: 20, minor: 19 };

/** Blender versions whose pictures the tests compare (test/fixtures/golden). */
export const TRIED_BLENDERS = { oldest: { major: 3, minor: 4 }, newest: { major: 5, minor: 2 } };

const GIB = 1024 ** 3;

/** Below `least`, even short films do not fit; below `usual`, long ones may not. */
const DISK = { least: GIB / 4, usual: 5 * GIB };

/** Bytes for two Blenders, the default of a small machine, with small scenes. */
const USUAL_MEMORY = 2 * GIB;

/** Checks this machine, in the order of the output. Pure. */
export function judgeLocal(facts: LocalFacts): Check[] {
  return [
    judgeNode(facts.node),
    judgeBlender(facts.blender),
    ...judgeDenoiser(facts.blender),
    judgeFfmpeg(facts.ffmpeg),
    facts.hasDisplay
      ? ok('display', 'available')
      : warning(
          'display',
          'none: EEVEE and Workbench are slow without a GPU, and some Blenders do not start them',
          'on Debian and Ubuntu, run: apt-get install libegl1 libgl1-mesa-dri; scenes that use Cycles need no display',
        ),
    judgeSandbox(facts.sandbox),
    ...facts.disks.map(judgeDisk),
    judgeMemory(facts.memory),
    judgeOutput(facts.output),
  ];
}

function judgeNode(version: string): Check {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const needed = `${LEAST_NODE.major}.${LEAST_NODE.minor}`;
  return compareBlenderVersions({ major, minor }, LEAST_NODE) >= 0
    ? ok('Node', version)
    : wrong('Node', `${version} is too old`, `install Node ${needed} or newer`);
}

function judgeBlender(blender: LocalFacts['blender']): Check {
  if ('fault' in blender) return programFault('Blender', blender.fault);
  const { path, version } = blender.value;
  const text = `${formatBlenderVersion(version)}, ${path}`;
  const [old, fix] = oldBlender(version)?.split('; ') ?? [];
  if (old !== undefined && fix !== undefined) return warning('Blender', `${path}: ${old}`, fix);
  const { oldest, newest } = TRIED_BLENDERS;
  if (compareBlenderVersions(version, oldest) >= 0 && compareBlenderVersions(version, newest) <= 0)
    return ok('Blender', text);
  const [from, to] = [formatBlenderVersion(oldest), formatBlenderVersion(newest)];
  const tested = `Spotreel is tested with Blender ${from} to ${to}; name one of them in SPOTREEL_BLENDER`;
  return warning('Blender', text, tested);
}

function judgeDenoiser(blender: LocalFacts['blender']): Check[] {
  if ('fault' in blender || blender.value.hasDenoiser !== false) return [];
  const found = 'this Blender was built without OpenImageDenoise: Cycles cannot render scenes with denoising';
  const off = 'switch off Render Properties > Sampling > Render > Denoise in each scene';
  return [warning('denoise', found, denoiserFix(off))];
}

function judgeFfmpeg(ffmpeg: LocalFacts['ffmpeg']): Check {
  if ('fault' in ffmpeg) return programFault('ffmpeg', ffmpeg.fault);
  const { path, version, missing } = ffmpeg.value;
  if (missing.length === 0) return ok('ffmpeg', `${version}, ${path}`);
  const lacks = missing.map(({ video, encoder, isSound }) => {
    const sound = isSound ? 'the sound of ' : '';
    return `${encoder} (${sound}--video ${video})`;
  });
  const found = `${version}, ${path}, lacks the encoders ${lacks.join(', ')}`;
  const fix =
    "install an ffmpeg that has them (Debian's, Ubuntu's and Homebrew's do) and name it in SPOTREEL_FFMPEG";
  const isUsual = missing.some(({ video, isSound }) => video === 'h264' && !isSound);
  return isUsual ? wrong('ffmpeg', found, fix) : warning('ffmpeg', found, fix);
}

/** Splits a message of `findProgram`: fault before the first `;`, fix after it. */
function programFault(name: string, fault: string): Check {
  const [found = fault, ...rest] = fault.split('; ');
  return wrong(name, found, rest.join('; ') || `set SPOTREEL_${name.toUpperCase()} to one that works`);
}

function judgeSandbox({ none, lacks, fault }: LocalFacts['sandbox']): Check {
  if (fault !== undefined) {
    const fix =
      'if this system forbids sandboxes, set SPOTREEL_SANDBOX=off and render only scenes that you trust';
    return wrong('sandbox', `programs cannot start in it: ${fault}`, fix);
  }
  if (none !== undefined) return warning('sandbox', none, 'render only scenes that you trust');
  const found = ['Blender writes only to its folders and has no network', ...lacks].join('; ');
  const isOpen = lacks.some((line) => line.startsWith('missing: '));
  if (!isOpen) return ok('sandbox', found);
  const remedy = 'render only scenes that you trust, or use a Linux 5.13 or newer with Landlock and seccomp';
  return warning('sandbox', lacks.join('; '), remedy);
}

function judgeDisk({ path, freeBytes }: LocalFacts['disks'][number]): Check {
  const found = `${gib(freeBytes)} GiB free in ${path}`;
  const fix = 'free some space, or use another disk (-o for renders, TMPDIR for temporary files)';
  if (freeBytes < DISK.least) return wrong('disk', found, fix);
  return freeBytes < DISK.usual ? warning('disk', found, fix) : ok('disk', found);
}

function judgeMemory({ totalBytes, availableBytes }: LocalFacts['memory']): Check {
  const found = `${gib(availableBytes)} GiB of ${gib(totalBytes)} GiB are free`;
  if (availableBytes >= USUAL_MEMORY) return ok('memory', found);
  return warning('memory', found, 'close other programs, or render with one Blender at a time (-p 1)');
}

function judgeOutput({ path, exists, isWritable }: LocalFacts['output']): Check {
  if (isWritable) return ok('output', exists ? path : `${path} (the first render creates it)`);
  return wrong('output', `${path} is not writable`, 'choose another folder with -o, or change its owner');
}

function gib(bytes: number): string {
  return (bytes / GIB).toFixed(1);
}
