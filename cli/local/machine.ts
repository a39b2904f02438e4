import { availableParallelism } from 'node:os';

/** How a machine's cores are dealt out among Blenders. */
export interface Machine {
  /** Blenders at a time. */
  readonly parallel: number;
  /** Threads of each. */
  readonly threads: number;
}

/** Cores that one Blender makes good use of before its single-threaded parts (sync, saving) leave the others idle. */
const CORES_PER_BLENDER = 2;

/** What suits this machine (measured: see docs/benchmarks.md), or what the user says. */
export function divideMachine(parallel?: number, cores = availableParallelism()): Machine {
  const blenders = parallel ?? Math.max(1, Math.floor(cores / CORES_PER_BLENDER));
  return { parallel: blenders, threads: Math.max(1, Math.floor(cores / blenders)) };
}
