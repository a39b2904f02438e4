import { renderFolder } from '../../core/contract/keys';
import { openStorage } from '../../core/storage/open-storage';
import { outputNodes } from '../../core/storage/output-nodes';
import { CostTeller } from '../cost-teller';
import { describeState, STATE_EXIT } from '../describe-state';
import { findPlace, lookAtRender, type PlaceFlags } from '../place';
import { WaitTeller } from '../wait-teller';

export interface StatusFlags extends PlaceFlags {
  readonly json?: boolean;
}

/** `spotreel status [renderId]`: how a render is doing, without an id the newest. Gives the exit code. */
export async function statusCommand(renderId: string | undefined, flags: StatusFlags): Promise<number> {
  const place = await findPlace(flags);
  const storage = openStorage();
  const { renderId: id, look } = await lookAtRender(renderId, place, storage);
  const seen = await look();
  const [explained, cost, outputs] = await Promise.all([
    new WaitTeller(place.farm).explained(seen.state),
    new CostTeller(place.farm).costOf(seen),
    outputNodes(renderFolder(place.output, id), storage),
  ]);
  const state = { ...explained, ...(outputs.length > 0 && { outputs }) };
  process.stdout.write(
    `${flags.json ? JSON.stringify({ ...state, ...(cost && { cost }) }) : describeState(state, Date.now(), cost)}\n`,
  );
  return STATE_EXIT[state.state];
}
