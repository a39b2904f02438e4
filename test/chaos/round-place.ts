import { join } from 'node:path';
import type { Resolution } from '../../core/render/video';
import type { RoundPlan } from './round-plan';

/** Where a round takes place. */
export interface RoundPlace {
  /** The round's own; its name is in the command line or environment of every process of it. */
  readonly directory: string;
  /** Of the S3 emulator; the caller puts the scene there. */
  readonly bucket: string;
  /** Program that runs each job's command. */
  readonly worker: string;
  /** Required by each worker before all else; see `name-worker.js`. */
  readonly preload: string;
  readonly blender: string;
}

/** The task of the farm's process. */
export interface FarmTask {
  readonly plan: RoundPlan;
  readonly place: RoundPlace;
  /** How often it has been started before. */
  readonly restarts: number;
}

export const stateDirectory = ({ directory }: RoundPlace): string => join(directory, 'state');
export const cacheDirectory = ({ directory }: RoundPlace): string => join(directory, 'cache');
export const outputDirectory = ({ directory }: RoundPlace): string => join(directory, 'renders');
/** The messages, a JSON line each. */
export const messagesFile = ({ directory }: RoundPlace): string => join(directory, 'messages.jsonl');
/** What the fake Blender did, a JSON line each. */
export const blenderLog = ({ directory }: RoundPlace): string => join(directory, 'blender.jsonl');
/** The path of the Spot notice of a worker's machine, without the suffix `-<process id>`. */
export const spotNotice = ({ directory }: RoundPlace): string => join(directory, 'spot-notice.json');
export const scenePath = ({ directory }: RoundPlace): string => join(directory, 'clock.blend');

export const JOB_QUEUE = 'chaos';
/** Of a render into a folder; one into a bucket makes its own. */
export const RENDER_NAME = 'chaos';
export const SCENE_KEY = 'uploads/clock.blend';
/** Per cent of the scene's 640 × 360. */
export const resolutionPercent = ({ large }: RoundPlan): number => (large ? 200 : 10);

export function resolutionOf(plan: RoundPlan): Resolution {
  const percent = resolutionPercent(plan);
  return { width: (640 * percent) / 100, height: (360 * percent) / 100 };
}

/** `3-40x2`, as a user asks for them. */
export function framesWish({ frames, step }: RoundPlan): string {
  return `${frames[0]}-${frames.at(-1)}x${step}`;
}
