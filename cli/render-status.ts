import type { RenderCost } from '../core/cost/receipt';
import type { RenderState } from '../core/status/render-state';
import { openStorage } from '../core/storage/open-storage';
import { findPlace, lookAtRender } from './place';
import { CostTeller, WaitTeller } from './tellers';

/** A render, and where it is. */
export interface StatusRequest {
  /** @default - the newest render */
  readonly renderId?: string;
  /**
   * Name of a deployed farm.
   * @default - the variable SPOTREEL_FARM_NAME, or else the renders in `./renders` on this machine
   */
  readonly farm?: string;
  /** A folder with renders, or `s3://bucket/prefix`, instead of the farm's own. */
  readonly output?: string;
}

/** The state of a render, and its cost so far if its farm is known. */
export interface RenderStatus extends RenderState {
  readonly cost?: RenderCost;
}

/**
 * Reads the state of a render once, as `spotreel status --json` prints it. Throws `SpotreelError`: `no-render`,
 * `no-renders`, `no-farm`, `denied` and others.
 */
export async function renderStatus({ renderId, ...where }: StatusRequest = {}): Promise<RenderStatus> {
  const place = await findPlace(where);
  const { render, look } = await lookAtRender(renderId, place, openStorage());
  const seen = await look();
  const [explained, cost, outputs] = await Promise.all([
    new WaitTeller(place.farm).explained(seen.state),
    new CostTeller(place.farm).costOf(seen),
    render.outputNodes(),
  ]);
  return { ...explained, ...(outputs.length > 0 && { outputs }), ...(cost && { cost }) };
}
