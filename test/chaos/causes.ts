import type { RoundFacts } from './round-facts';

/** How often a frame is tried before it is given up. */
const TRIES = 2;

/**
 * Whether a frame may have been given up: something went wrong with it each time, or Blender was harmed so often that this
 * one frame, or one start, may have met all of it.
 */
export function hasCause({ plan, signals }: Pick<RoundFacts, 'plan' | 'signals'>): boolean {
  const faults = Object.values(plan.frameFaults);
  const signalled = signals.filter(({ target }) => target === 'blender').length;
  return faults.some(({ once }) => !once) || faults.length + signalled >= TRIES;
}

/** Whether storage failed anybody. */
export function storageFailed({ requests }: Pick<RoundFacts, 'requests'>): boolean {
  return requests.some(({ fault }) => fault !== undefined && fault !== 'slow');
}
