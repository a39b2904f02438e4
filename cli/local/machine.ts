import { availableParallelism } from 'node:os';

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

/** What suits this machine (measured: see docs/benchmarks.md), or what the user says. */
export function divideMachine(parallel?: number, cores = availableParallelism()): Machine {
  const suits = Math.max(LEAST_BLENDERS, Math.floor(cores / CORES_PER_BLENDER));
  const blenders = parallel ?? Math.min(suits, cores);
  return { parallel: blenders, threads: Math.max(1, Math.floor(cores / blenders)) };
}
