import { openStorage } from '../../core/storage/open-storage';
import { describeState, STATE_EXIT } from '../describe-state';
import { findPlace, lookAtRender, type PlaceFlags } from '../place';

export interface StatusFlags extends PlaceFlags {
  readonly json?: boolean;
}

/** `spotreel status [renderId]`: how a render is doing, without an id the newest. Gives the exit code. */
export async function statusCommand(renderId: string | undefined, flags: StatusFlags): Promise<number> {
  const { look } = await lookAtRender(renderId, await findPlace(flags), openStorage());
  const { state } = await look();
  process.stdout.write(`${flags.json ? JSON.stringify(state) : describeState(state, Date.now())}\n`);
  return STATE_EXIT[state.state];
}
