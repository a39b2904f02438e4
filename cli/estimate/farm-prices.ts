import { machinePools, tableRenderPrices, type RenderPrices } from '../../core/cost/render-cost';
import { findPrices } from '../cost-teller';
import type { FarmSize } from './asked-farm';

/** What a shot is reckoned by: the account's own Spot prices where a farm is there, else the built-in table. */
export async function farmPrices(
  { machines, region, isThere }: FarmSize,
  onGpu: boolean,
): Promise<RenderPrices> {
  if (!isThere) return tableRenderPrices(machines, onGpu, region);
  const pools = machinePools(machines, onGpu);
  const [render, stitch] = await Promise.all([
    findPrices(pools.render, region),
    findPrices(pools.stitch, region),
  ]);
  return { render, stitch };
}
