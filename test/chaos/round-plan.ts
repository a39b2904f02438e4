import { CALL_FAULTS, type CallFault } from '../support/faulty-calls';
import type { BlenderFault } from '../support/fake-blender';
import { randomOf } from '../support/random';

/** What a signal is sent to. */
export type SignalTarget = 'worker' | 'blender' | 'scheduler';

export interface PlannedSignal {
  readonly target: SignalTarget;
  /** `notice`: EC2's notice that the worker's machine is about to go. */
  readonly signal: 'SIGKILL' | 'SIGTERM' | 'notice';
  /** Sent after so many steps: requests to storage, and frames that Blender began or ended. */
  readonly afterSteps: number;
  /** A delay after that. */
  readonly delayMs: number;
}

/** A Blender that does something wrong at a frame; without `once` each time. */
export interface PlannedFrameFault {
  readonly fault: BlenderFault;
  readonly once: boolean;
}

/** The faults of requests to storage; see `request-fault.ts`. */
export interface StorageFaults {
  /** Of all requests, from 0 to 1. */
  readonly rate: number;
  /** At most so many faults, so that they end. */
  readonly most: number;
}

/** One run of the submit Lambda. */
export interface PlannedDelivery {
  /** An event of an earlier version of the scene, which is not to start anything. */
  readonly outdated: boolean;
  /** The call, counted from 1, at which something goes wrong; 0 for none. */
  readonly faultAt: number;
  readonly fault: CallFault;
  /** Whether AWS Batch does not list or describe what was submitted a moment ago. */
  readonly lateAnswers: boolean;
  /** Seed of how long AWS Batch takes to answer. */
  readonly pauses: number;
}

/** All that is done to one render: made of a seed and of nothing else. */
export interface RoundPlan {
  readonly seed: number;
  readonly storage: 's3' | 'folder';
  readonly blender: 'fake' | 'real';
  /** Whether the video is so large that it is uploaded in parts. */
  readonly large: boolean;
  /** Ascending. */
  readonly frames: readonly number[];
  readonly step: number;
  readonly framesPerSlice: number;
  readonly maxParallel: number;
  /** What a frame takes the fake. */
  readonly frameMs: number;
  /** Whether the workers share the scene's files, as those of one machine do. */
  readonly cached: boolean;
  readonly frameFaults: Readonly<Record<number, PlannedFrameFault>>;
  readonly storageFaults: StorageFaults;
  readonly signals: readonly PlannedSignal[];
  /** One wave after the other, the deliveries of one at the same moment. */
  readonly waves: ReadonlyArray<readonly PlannedDelivery[]>;
  /** How often each event of an ended job is delivered. */
  readonly endings: number;
}

const BLENDER_FAULTS: readonly BlenderFault[] = [
  'crash',
  'fail',
  'truncate',
  'no-file',
  'quit',
  'small',
  'error-then-saved',
  'empty',
  'die-saving',
  'hang',
  'memory',
];

const SIGNALS: ReadonlyArray<Pick<PlannedSignal, 'target' | 'signal'>> = [
  { target: 'worker', signal: 'SIGKILL' },
  { target: 'worker', signal: 'SIGTERM' },
  { target: 'worker', signal: 'notice' },
  { target: 'scheduler', signal: 'SIGKILL' },
  { target: 'scheduler', signal: 'SIGTERM' },
  { target: 'blender', signal: 'SIGKILL' },
  { target: 'blender', signal: 'SIGTERM' },
];

/** Starting the real Blender takes a second. */
const REAL_BLENDER_RATE = 0.04;

/** Of so many, 0.58 MB each as H.264, the video is above the 8 MiB from which it is uploaded in parts. */
const LARGE_RATE = 0.01;
const LARGE_FRAMES = 16;

/** The same seed gives the same plan. */
export function planRound(seed: number): RoundPlan {
  const random = randomOf(seed);
  const from = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1));
  const chance = (of: number): boolean => random() < of;
  const one = <T>(of: readonly T[]): T => of[from(0, of.length - 1)]!;
  const several = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

  const blender = chance(REAL_BLENDER_RATE) ? 'real' : 'fake';
  const storage = chance(0.75) ? 's3' : 'folder';
  const large = storage === 's3' && blender === 'fake' && chance(LARGE_RATE);
  const [first, step] = [from(-3, 40), from(1, 3)];
  // The lesser of two: every frame costs some requests, and long films differ little.
  const count = blender === 'real' ? from(2, 4) : large ? LARGE_FRAMES : Math.min(from(5, 20), from(5, 20));
  const frames = Array.from({ length: count }, (_, i) => first + i * step);
  // A slice of its own costs a worker and a Blender.
  const framesPerSlice = from(Math.ceil(count / 3), count);

  const faultyFrames = blender === 'fake' && chance(0.75) ? several(from(1, 4), () => one(frames)) : [];
  const frameFaults = faultyFrames.map(
    (frame) => [frame, { fault: one(BLENDER_FAULTS), once: chance(0.85) }] as const,
  );
  const steps = storage === 's3' ? 20 + 7 * count : 2 * count;
  const signals = several(chance(0.25) ? 0 : from(1, 4), () => ({
    ...one(SIGNALS),
    afterSteps: from(0, steps),
    delayMs: one([0, 0, from(0, 200)]),
  }));
  const delivery = (): PlannedDelivery => ({
    outdated: chance(0.1),
    faultAt: chance(0.4) ? from(1, 25) : 0,
    fault: one(CALL_FAULTS),
    lateAnswers: chance(0.2),
    pauses: from(0, 1e6),
  });
  return {
    seed,
    storage,
    blender,
    large,
    frames,
    step,
    framesPerSlice,
    maxParallel: from(1, 3),
    frameMs: one([0, 5, 20, 60]),
    cached: chance(0.5),
    frameFaults: Object.fromEntries(frameFaults),
    storageFaults:
      storage === 's3' && chance(0.8) ? { rate: one([0.03, 0.1, 0.3]), most: from(3, 12) } : NONE,
    signals,
    waves: several(from(1, 2), () => several(from(1, 4), delivery)),
    endings: from(1, 3),
  };
}

const NONE: StorageFaults = { rate: 0, most: 0 };

/** The plan's faults in one line. */
export function describePlan(plan: RoundPlan): string {
  const { storage, blender, large, frames, framesPerSlice, storageFaults, signals, waves, frameFaults } =
    plan;
  const faults = Object.entries(frameFaults).map(
    ([frame, { fault, once }]) => `frame ${frame} ${fault}${once ? '' : ' always'}`,
  );
  const deliveries = waves.flat();
  const faulty = deliveries.filter(({ faultAt }) => faultAt > 0).map(({ fault }) => fault);
  const parts = [
    `${frames.length} ${large ? 'large ' : ''}frames by ${framesPerSlice}, ${storage}, ${blender} Blender`,
    ...faults,
    storageFaults.most > 0 && `storage fails ${storageFaults.rate * 100} % up to ${storageFaults.most} times`,
    ...signals.map(({ signal, target, afterSteps }) => `${signal} to ${target} at ${afterSteps}`),
    `${deliveries.length} uploads' events${faulty.length > 0 ? ` (${faulty.join(', ')})` : ''}`,
  ];
  return parts.filter(Boolean).join('; ');
}
