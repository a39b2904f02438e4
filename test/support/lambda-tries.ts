import { SpotreelError } from '../../core/errors';
import type { FaultyProcess } from './faulty-calls';

/** A runner of the finish-render Lambda, as tests play it. */
interface Runners {
  seconds: number;
  finish(event: unknown, process?: FaultyProcess): Promise<unknown>;
}

/** Has a runner that may die take in an event, and then others, as Lambda tries again: a minute later, and two after that. */
export async function tryAsLambdaDoes(
  world: Runners,
  event: () => unknown,
  process: FaultyProcess,
): Promise<void> {
  const [first] = await Promise.allSettled([world.finish(event(), process)]);
  expect(first.status === 'fulfilled' || first.reason instanceof SpotreelError).toBe(true);
  world.seconds += 60;
  const [second] = await Promise.allSettled([world.finish(event())]);
  expect(second.status === 'fulfilled' || second.reason.code === 'being-submitted').toBe(true);
  world.seconds += 120;
  await world.finish(event());
}
