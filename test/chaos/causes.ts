import type { RoundFacts } from './round-facts';

/** How often a frame is tried before it is given up. */
const TRIES = 2;

/** Whether so many faults may have hit a frame that it was given up: each signal to Blender may have hit it. */
export function mayFail(frame: number, { plan, signals }: Pick<RoundFacts, 'plan' | 'signals'>): boolean {
  const fault = plan.frameFaults[frame];
  const signalled = signals.filter(({ target }) => target === 'blender').length;
  return fault?.once === false || (fault ? 1 : 0) + signalled >= TRIES;
}

/** Whether storage failed any process. */
export function storageFailed({ requests }: Pick<RoundFacts, 'requests'>): boolean {
  return requests.some(({ fault }) => fault !== undefined && fault !== 'slow');
}
