import type { Machines } from '../contract/machines';
import type { Spread } from '../cost/prices';
import { renderCost, type RenderPrices } from '../cost/render-cost';
import type { PlaceEstimate } from './estimate-place';

/** What a shot would cost on a farm, in US dollars: as `renderCost` reckons it, see there what is not in it. */
export interface CostEstimate {
  readonly spot: Spread;
  /** Were all slices to run on On-Demand machines. */
  readonly onDemand: Spread;
}

/** The quickest frames at the lowest prices to the slowest ones at the highest: pure. */
export function estimateCost(
  { machineSeconds, videoSeconds: stitchSeconds }: PlaceEstimate,
  machines: Pick<Machines, 'renderVcpus' | 'stitchVcpus'>,
  prices: RenderPrices,
): CostEstimate {
  const costOf = (end: keyof Spread, kind: 'spotSeconds' | 'onDemandSeconds'): number => {
    const usage = { spotSeconds: 0, onDemandSeconds: 0, stitchSeconds, [kind]: machineSeconds[end] };
    return renderCost(usage, machines, prices).usd[end];
  };
  const spreadOf = (kind: 'spotSeconds' | 'onDemandSeconds'): Spread => ({
    low: costOf('low', kind),
    middle: costOf('middle', kind),
    high: costOf('high', kind),
  });
  return { spot: spreadOf('spotSeconds'), onDemand: spreadOf('onDemandSeconds') };
}
