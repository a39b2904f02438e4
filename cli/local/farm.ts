import { join } from 'node:path';
import type { JobTargets } from '../../core/batch/choose-targets';
import {
  LocalBatch,
  type LocalBatchEvent,
  type LocalJobDefinition,
} from '../../core/batch/local/local-batch';
import { retryStrategy } from '../../core/contract/retry-strategy';
import { parseWorkerEvent, type WorkerEvent } from '../../core/contract/worker-event';
import { formatBlenderVersion, type BlenderVersion } from '../../core/render/blender-version';
import { programVariable } from '../../container/worker/programs';
import type { Machine } from './machine';
import { ocioVariable } from './own-colors';

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
