import type { RenderCost } from '../../core/cost/receipt';
import type { Look } from '../../core/status/look';
import type { RenderState } from '../../core/status/render-state';
import { openStorage } from '../../core/storage/open-storage';
import { findPlace, lookAtRender } from '../place';
import { CostReporter, WaitReporter } from './reporters';

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
export async function renderStatus(request: StatusRequest = {}): Promise<RenderStatus> {
  return (await lookAtStatus(request)).status;
}

/** The same, with the machine time so far. */
export async function lookAtStatus({
  renderId,
  ...where
}: StatusRequest): Promise<Pick<Look, 'usage'> & { readonly status: RenderStatus }> {
  const place = await findPlace(where);
  const { render, look } = await lookAtRender(renderId, place, openStorage());
  const seen = await look();
  const [explained, cost, outputs] = await Promise.all([
    new WaitReporter(place.farm).explained(seen.state),
    new CostReporter(place.farm).costOf(seen),
    render.outputNodes(),
  ]);
  const status = { ...explained, ...(outputs.length > 0 && { outputs }), ...(cost && { cost }) };
  return { status, usage: seen.usage };
}
