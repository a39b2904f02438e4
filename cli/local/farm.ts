import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
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
import { type BlenderVersion, formatBlenderVersion } from '../../core/render/blender-version';
import type { Finding } from '../../core/render/manifest';
import type { RenderOptions } from '../../core/render/options';
import { DEFAULT_VIDEO, type VideoFormat } from '../../core/render/video';
import { finding } from '../../core/scene/findings/codes';
import { needsDenoiser } from '../../core/scene/findings/scene';
import type { SceneExamination } from '../../core/scene/project/examine';

/** How a machine's cores are dealt out among Blenders. */
export interface Machine {
  /** Blenders at a time. */
  readonly parallel: number;
  /** Threads of each. */
  readonly threads: number;
}

/**
 * A Blender's frame has parts that use one core (sync, saving, its start): while one Blender is in them, another can
 * use the cores. Two do; on large machines more, as threads of one Blender get in each other's way. Not one a core:
 * each holds the scene in memory.
 */
const LEAST_BLENDERS = 2;
const CORES_PER_BLENDER = 8;

/** Divides this machine as measured in docs/benchmarks.md, or as the user says. Pure, but for the number of cores. */
export function divideMachine(parallel?: number, threads?: number, cores = availableParallelism()): Machine {
  const suits = Math.max(LEAST_BLENDERS, Math.floor(cores / CORES_PER_BLENDER));
  const blenders = parallel ?? Math.min(suits, cores);
  return { parallel: blenders, threads: threads ?? Math.max(1, Math.floor(cores / blenders)) };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the user's environment names an OpenColorIO configuration, which Blender takes in place of its own. */
export const hasOwnColors = ({ OCIO }: Environment): boolean => Boolean(OCIO);

/** The variable for workers, which run in other folders; `ocio://` names a configuration of OpenColorIO's own. */
function ocioVariable({ OCIO }: Environment): { OCIO?: string } {
  if (!OCIO) return {};
  return { OCIO: OCIO.startsWith('ocio://') ? OCIO : resolve(OCIO) };
}

const JOB_QUEUE = 'local';
const RENDER_DEFINITION = 'spotreel-render';
const STITCH_DEFINITION = 'spotreel-stitch';

/** Where jobs go in the local Batch, as on AWS the farm's description says: to the one Blender of this machine. */
export function localTargets(
  blenderVersion: BlenderVersion,
  { parallel }: Machine,
  allowsScripts: boolean,
): JobTargets {
  const queue = { jobQueue: JOB_QUEUE, parallel };
  return {
    ...queue,
    // Whether there is a GPU is the worker's to see.
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

/** Machines vanish less often at home than on Spot, and a passing fault passes soon or not at all. */
const ATTEMPTS = 3;

/** Somebody who pressed Ctrl-C waits for it: what frames in flight have to be finished, and workers to be gone. */
const GRACE_SECONDS = 3;
const STOP_TIMEOUT_SECONDS = 15;

export interface LocalFarmOptions {
  /** Where the local Batch keeps its jobs, logs and scratch. */
  readonly stateDirectory: string;
  /** What the workers share of a scene that lies in a bucket; made when the first one needs it. */
  readonly cacheDirectory: string;
  readonly machine: Machine;
  readonly blender: string;
  readonly blenderVersion: BlenderVersion;
  readonly ffmpeg: string;
  /** Whether its workers may run scripts of scenes that ask for it. */
  readonly allowsScripts: boolean;
  /** Called before any worker of this farm runs and after the last one, when no other can. */
  readonly tidyUp: () => Promise<void>;
  readonly onWorkerEvent: (event: WorkerEvent, slice: number) => void;
  readonly onChildEnd: (slice: number) => void;
}

/** A local Batch whose job definitions run this program's own worker, as the container image does on AWS. */
export async function openLocalFarm(options: LocalFarmOptions): Promise<LocalBatch> {
  const { stateDirectory, cacheDirectory, machine, blender, blenderVersion, ffmpeg } = options;
  const { tidyUp, onWorkerEvent, onChildEnd } = options;
  // The bundle of the worker lies beside the bundle of the command line.
  const entrypoint = [process.execPath, join(__dirname, 'worker.js')];
  const definition: LocalJobDefinition = { entrypoint, retryStrategy: retryStrategy(ATTEMPTS) };
  return LocalBatch.open({
    stateDirectory,
    jobQueue: JOB_QUEUE,
    maxParallel: machine.parallel,
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
      SPOTREEL_THREADS: String(machine.threads),
      SPOTREEL_CACHE: cacheDirectory,
      SPOTREEL_STOP_SECONDS: String(GRACE_SECONDS),
      SPOTREEL_LIFELINE: 'stdin',
      // In place of what the user's own environment may have.
      SPOTREEL_ALLOW_SCRIPTS: options.allowsScripts ? '1' : '0',
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

/** Whether a program of this machine has a screen to draw on, as far as its environment tells. */
export function hasDisplay(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): boolean {
  if (platform === 'darwin' || platform === 'win32') return true;
  return Boolean(environment.DISPLAY ?? environment.WAYLAND_DISPLAY);
}

/** The programs of this machine that render and make videos. */
export interface LocalPrograms {
  readonly blender: string;
  readonly blenderVersion: BlenderVersion;
  readonly ffmpeg: string;
}

/** Throws `no-program`, and `no-encoder` where its ffmpeg can't make such a video. */
export async function findPrograms(
  environment: NodeJS.ProcessEnv,
  video: VideoFormat = DEFAULT_VIDEO,
): Promise<LocalPrograms> {
  const blender = findProgram('blender', environment);
  const ffmpeg = findProgram('ffmpeg', environment);
  if (video !== 'none') await requireEncoder(ffmpeg, encoderOf(video), video, environment);
  return { blender, ffmpeg, blenderVersion: await askBlenderVersion(blender, environment) };
}

/** Asks the Blender of this machine, at most once, whether it has OpenImageDenoise; `undefined` if there is no Blender. */
export function denoiserQuestion(environment: NodeJS.ProcessEnv): () => Promise<boolean | undefined> {
  let answer: Promise<boolean | undefined> | undefined;
  return () => (answer ??= askDenoiser(environment));
}

/** The same for one scene: nothing is asked where it does not matter. */
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

/** A warning where scripts run on this machine without a sandbox. */
export function unconfinedScripts(
  { allowScripts }: RenderOptions,
  environment: NodeJS.ProcessEnv,
): Finding[] {
  const why = allowScripts ? whyNoSandbox(environment) : undefined;
  if (why === undefined) return [];
  const message = `scripts of this scene run with all your rights, and can delete and send your files (${why}): leave out --allow-scripts unless you trust the scene as you trust yourself`;
  return [finding('scripts-unconfined', message)];
}
