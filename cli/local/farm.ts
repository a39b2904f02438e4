import { createHash } from 'node:crypto';
import { open, readFile, realpath, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import {
  askBlenderVersion,
  findProgram,
  hasDenoiser,
  programVariable,
  requireEncoder,
  whyNoSandbox,
} from '../../container/worker/programs';
import { encoderOf } from '../../container/worker/video/ffmpeg';
import { retryStrategy } from '../../core/jobs/batch';
import type { JobTargets } from '../../core/jobs/farm';
import { parseWorkerEvent, type WorkerEvent } from '../../core/jobs/worker';
import {
  LocalBatch,
  type LocalBatchEvent,
  type LocalJobDefinition,
} from '../../core/local-batch/local-batch';
import {
  type BlenderVersion,
  formatBlenderVersion,
  parseBlenderVersion,
} from '../../core/render/blender-version';
import type { Finding, Manifest } from '../../core/render/manifest';
import type { RenderOptions } from '../../core/render/options';
import { findPace } from '../../core/render/render';
import { type Pace, savesMost } from '../../core/render/slices';
import { DEFAULT_VIDEO, type VideoFormat } from '../../core/render/video';
import { finding } from '../../core/scene/findings/codes';
import { needsDenoiser } from '../../core/scene/findings/scene';
import type { SceneExamination } from '../../core/scene/project/examine';
import { cacheFolder, writeWhole } from '../../core/storage/file-writes';
import type { Storage } from '../../core/storage/storage';

/** How Blenders share the cores of a machine. */
export interface Machine {
  /** Blenders at a time. */
  readonly parallel: number;
  /** Threads of each Blender while all of them run. */
  readonly threads: number;
  /**
   * Cores to divide again among the Blenders that run, as for a still, and when slices run out. Absent if the user chose
   * `threads`.
   */
  readonly cores?: number;
}

/**
 * Parts of a frame use one core (sync, saving, start), and another Blender can use the others. Large machines run
 * more Blenders, as threads of one Blender slow each other. Each Blender holds the scene in memory, so one per core
 * is too many.
 */
const LEAST_BLENDERS = 2;
const CORES_PER_BLENDER = 8;

/** Divides the cores as measured in docs/benchmarks.md, or as the user asks. Pure but for the number of cores. */
export function divideMachine(parallel?: number, threads?: number, cores = availableParallelism()): Machine {
  const suits = Math.max(LEAST_BLENDERS, Math.floor(cores / CORES_PER_BLENDER));
  const blenders = parallel ?? Math.min(suits, cores);
  if (threads !== undefined) return { parallel: blenders, threads };
  return { parallel: blenders, threads: Math.max(1, Math.floor(cores / blenders)), cores };
}

/**
 * Threads of each Blender while so many run, as the local Batch divides the cores (`divideCores`); the fewest where they
 * differ. Pure.
 */
export function threadsOf({ parallel, threads, cores }: Machine, blenders: number): number {
  return cores === undefined ? threads : Math.max(1, Math.floor(cores / Math.min(blenders, parallel)));
}

/**
 * Fewest slices of a render that fill the machine if Cycles keeps data: then hardly a part of a frame uses one core. As many
 * as the user asks for if the user divides the machine. Pure.
 */
function leastSlices({ parallel, cores }: Machine): number {
  const isUsual = cores !== undefined && parallel === divideMachine(undefined, undefined, cores).parallel;
  return isUsual ? Math.max(1, Math.floor(cores / CORES_PER_BLENDER)) : parallel;
}

/**
 * The pace of an earlier render in `output` if kept data saved more than half of its frames: each Blender renders two frames
 * from nothing, so fewer of them are faster (ADR 32). `undefined` otherwise: the number of frames decides.
 */
export async function keptPace(
  plan: Manifest,
  output: URL,
  storage: Storage,
  machine: Machine,
): Promise<Pace | undefined> {
  // `on` measures nothing, and so leaves no such pace.
  const mayKeep = plan.engine === 'CYCLES' && (plan.options.persistentData ?? 'auto') === 'auto';
  const pace = mayKeep ? await findPace(plan, output, storage) : undefined;
  return pace && savesMost(pace) ? { ...pace, leastSlices: leastSlices(machine) } : undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the environment names an OpenColorIO configuration, which Blender then uses. */
export const hasOwnColors = ({ OCIO }: Environment): boolean => Boolean(OCIO);

/**
 * The variable OCIO with an absolute path, as workers run in other folders; `ocio://` names a built-in configuration.
 */
function ocioVariable({ OCIO }: Environment): { OCIO?: string } {
  if (!OCIO) return {};
  return { OCIO: OCIO.startsWith('ocio://') ? OCIO : resolve(OCIO) };
}

const JOB_QUEUE = 'local';
const RENDER_DEFINITION = 'spotreel-render';
const STITCH_DEFINITION = 'spotreel-stitch';

/** Targets of jobs in the local Batch, with the one Blender of this machine. */
export function localTargets(
  blenderVersion: BlenderVersion,
  { parallel }: Machine,
  allowsScripts: boolean,
): JobTargets {
  const queue = { jobQueue: JOB_QUEUE, parallel };
  return {
    ...queue,
    // The worker checks whether there is a GPU.
    gpu: queue,
    renderDefinitions: [
      {
        blenderVersion: formatBlenderVersion(blenderVersion),
        jobDefinition: RENDER_DEFINITION,
        gpuJobDefinition: RENDER_DEFINITION,
      },
    ],
    stitchDefinition: STITCH_DEFINITION,
    allowsScripts,
  };
}

/** Attempts per job; fewer than on Spot, since local machines rarely vanish. */
const ATTEMPTS = 3;

/** Seconds that running frames and workers get after Ctrl-C. */
const GRACE_SECONDS = 3;
const STOP_TIMEOUT_SECONDS = 15;

export interface LocalFarmOptions {
  /** Folder of the local Batch's jobs, logs and scratch files. */
  readonly stateDirectory: string;
  /** Files of a scene in a bucket, shared by the workers; created when first needed. */
  readonly cacheDirectory: string;
  readonly machine: Machine;
  readonly blender: string;
  readonly blenderVersion: BlenderVersion;
  readonly ffmpeg: string;
  /** Whether workers may run scripts of scenes that ask for it. */
  readonly allowsScripts: boolean;
  /** Called before the first worker starts and after the last one has ended. */
  readonly tidyUp: () => Promise<void>;
  readonly onWorkerEvent: (event: WorkerEvent, slice: number) => void;
  readonly onChildEnd: (slice: number) => void;
}

/** Opens a local Batch whose job definitions run this program's worker, as the container image does on AWS. */
export async function openLocalFarm(options: LocalFarmOptions): Promise<LocalBatch> {
  const { stateDirectory, cacheDirectory, machine, blender, blenderVersion, ffmpeg } = options;
  const { tidyUp, onWorkerEvent, onChildEnd } = options;
  const userCache = cacheFolder();
  // The build puts all bundles into the same folder.
  const entrypoint = [process.execPath, join(__dirname, 'start-worker.js')];
  const definition: LocalJobDefinition = { entrypoint, retryStrategy: retryStrategy(ATTEMPTS) };
  return LocalBatch.open({
    stateDirectory,
    jobQueue: JOB_QUEUE,
    maxParallel: machine.parallel,
    cores: machine.cores,
    ...(userCache !== undefined && { neighbours: join(userCache, 'running') }),
    tidyUp,
    stopTimeoutSeconds: STOP_TIMEOUT_SECONDS,
    jobDefinitions: {
      [RENDER_DEFINITION]: definition,
      [STITCH_DEFINITION]: definition,
    },
    environment: {
      ...definedVariables(process.env),
      ...ocioVariable(process.env),
      [programVariable('blender')]: blender,
      [programVariable('ffmpeg')]: ffmpeg,
      SPOTREEL_BLENDER_VERSION: formatBlenderVersion(blenderVersion),
      // 0: Blender may use all cores, and hears how many before each frame.
      SPOTREEL_THREADS: String(machine.cores === undefined ? machine.threads : 0),
      SPOTREEL_PARALLEL: String(machine.parallel),
      SPOTREEL_CACHE: cacheDirectory,
      SPOTREEL_KERNELS: join(cacheDirectory, 'kernels'),
      SPOTREEL_STOP_SECONDS: String(GRACE_SECONDS),
      SPOTREEL_LIFELINE: 'stdin',
      // Overrides the user's own variable.
      SPOTREEL_ALLOW_SCRIPTS: options.allowsScripts ? '1' : '0',
      // Also a setting of a farm, which is not for renders here.
      SPOTREEL_PERSISTENT_DATA: 'auto',
    },
    onEvent: (event: LocalBatchEvent) => {
      if (event.type === 'log') {
        const workerEvent = parseWorkerEvent(event.line);
        if (workerEvent) onWorkerEvent(workerEvent, event.index ?? 0);
      } else if (event.status === 'SUCCEEDED' || event.status === 'FAILED') {
        onChildEnd(event.index ?? 0);
      }
    },
  });
}

function definedVariables(environment: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

/** Whether the environment names a display. */
export function hasDisplay(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (platform === 'darwin' || platform === 'win32') return true;
  return Boolean(environment.DISPLAY ?? environment.WAYLAND_DISPLAY);
}

/** Programs that render and make videos. */
export interface LocalPrograms {
  readonly blender: string;
  readonly blenderVersion: BlenderVersion;
  readonly ffmpeg: string;
}

/** Finds the programs. Throws `no-program`, and `no-encoder` if ffmpeg cannot make this video. */
export async function findPrograms(
  environment: NodeJS.ProcessEnv,
  video: VideoFormat = DEFAULT_VIDEO,
): Promise<LocalPrograms> {
  const blender = findProgram('blender', environment);
  const ffmpeg = findProgram('ffmpeg', environment);
  const [blenderVersion] = await Promise.all([
    findBlenderVersion(blender, environment),
    video === 'none' ? Promise.resolve() : requireEncoder(ffmpeg, encoderOf(video), video, environment),
  ]);
  return { blender, ffmpeg, blenderVersion };
}

/**
 * The version of a Blender. Starting it to ask takes as long as a small frame, so the answer is kept in the user's cache
 * until the file changes. A script or a launcher of another name, such as that of a snap, is asked each time, because it may
 * start another Blender. Throws `no-program`.
 */
export async function findBlenderVersion(
  blender: string,
  environment: NodeJS.ProcessEnv,
  ask = askBlenderVersion,
): Promise<BlenderVersion> {
  const cache = cacheFolder(environment);
  const identity = await binaryIdentity(blender).catch(() => undefined);
  if (cache === undefined || identity === undefined) return ask(blender, environment);
  const file = join(cache, 'blenders', identity);
  const known = parseBlenderVersion(await readFile(file, 'utf8').catch(() => ''));
  if (known) return known;
  const version = await ask(blender, environment);
  const text = formatBlenderVersion(version);
  await writeWhole(file, (partial) => writeFile(partial, text)).catch(() => undefined);
  return version;
}

/** First bytes of a program that is no script: ELF, and Mach-O of 64 bits or of several machines. */
const BINARIES = ['7f454c46', 'cffaedfe', 'cafebabe'];

/** A digest that changes with the file and its name; `undefined` unless the file itself is a Blender. */
async function binaryIdentity(program: string): Promise<string | undefined> {
  const path = await realpath(program);
  if (!/^blender/i.test(basename(path))) return undefined;
  const file = await open(path);
  try {
    const start = Buffer.alloc(4);
    await file.read(start, 0, 4, 0);
    if (!BINARIES.includes(start.toString('hex'))) return undefined;
    const { dev, ino, size, mtimeMs, ctimeMs } = await file.stat();
    return createHash('sha256')
      .update(JSON.stringify([resolve(program), path, dev, ino, size, mtimeMs, ctimeMs]))
      .digest('hex');
  } finally {
    await file.close();
  }
}

/** Asks the local Blender, at most once, whether it has OpenImageDenoise; `undefined` without Blender. */
export function denoiserQuestion(environment: NodeJS.ProcessEnv): () => Promise<boolean | undefined> {
  let answer: Promise<boolean | undefined> | undefined;
  return () => (answer ??= askDenoiser(environment));
}

/** Asks only for scenes that denoise. */
export async function denoiserFor(
  examination: SceneExamination,
  options: RenderOptions,
  environment: NodeJS.ProcessEnv,
): Promise<boolean | undefined> {
  return needsDenoiser(examination, options) ? askDenoiser(environment) : undefined;
}

async function askDenoiser(environment: NodeJS.ProcessEnv): Promise<boolean | undefined> {
  try {
    return await hasDenoiser(findProgram('blender', environment), environment);
  } catch {
    return undefined;
  }
}

/** A warning if scripts run here without a sandbox. */
export function unconfinedScripts(
  { allowScripts }: RenderOptions,
  environment: NodeJS.ProcessEnv,
): Finding[] {
  const why = allowScripts ? whyNoSandbox(environment) : undefined;
  if (why === undefined) return [];
  const message = `scripts of this scene run with all your rights, and can delete and send your files (${why}): leave out --allow-scripts unless you trust the scene as you trust yourself`;
  return [finding('scripts-unconfined', message)];
}
