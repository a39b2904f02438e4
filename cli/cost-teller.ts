import type { FarmDescription } from '../core/contract/farm-description';
import { accountPrices, tablePrices, withNote, type MachinePool, type VcpuPrices } from '../core/cost/prices';
import { machinePools, renderCost, type MachineUsage, type RenderCost } from '../core/cost/render-cost';
import { messageOf, SpotreelError } from '../core/errors';
import type { RenderUsage } from '../core/render-state/render-look';

/** Tells what renders of one farm cost. Prices are looked up once, when they are first wanted. */
export class CostTeller {
  /** By the pool of machines, as JSON. */
  private readonly prices = new Map<string, Promise<VcpuPrices>>();

  /** Without a farm, or where its description does not tell its machines, no cost is known. */
  constructor(private readonly farm: Pick<FarmDescription, 'machines' | 'region'> | undefined) {}

  /** By what a look at a render saw. */
  async costOf({ usage }: { readonly usage?: RenderUsage }): Promise<RenderCost | undefined> {
    if (!usage) return undefined;
    const reckon = await this.reckoner(usage.onGpu);
    return reckon?.(usage);
  }

  /** By what a render's cost is reckoned, whose slices run on machines with GPUs or without. */
  async reckoner(onGpu: boolean): Promise<((usage: MachineUsage) => RenderCost) | undefined> {
    const { machines, region } = this.farm ?? {};
    if (!machines || region === undefined) return undefined;
    const pools = machinePools(machines, onGpu);
    const found = [this.pricesOf(pools.render, region), this.pricesOf(pools.stitch, region)] as const;
    const [render, stitch] = await Promise.all(found);
    return (usage) => renderCost(usage, machines, { render, stitch });
  }

  private pricesOf(pool: MachinePool, region: string): Promise<VcpuPrices> {
    const key = JSON.stringify(pool);
    const prices = this.prices.get(key) ?? findPrices(pool, region);
    this.prices.set(key, prices);
    return prices;
  }
}

/** Spot prices as EC2 tells them by the user's own credentials; the built-in table where it does not, which says why. */
export async function findPrices(pool: MachinePool, region: string): Promise<VcpuPrices> {
  // A large part of the SDK, and of no use to anything else here.
  const { askSpotOffers, createEc2 } = await import('../core/cost/aws-spot-prices');
  const at = new Date();
  try {
    return accountPrices(await askSpotOffers(pool, createEc2(region), at), pool, region, at);
  } catch (error) {
    if (!(error instanceof SpotreelError)) throw error;
    return withNote(tablePrices(pool, region), `EC2 could not be asked for Spot prices: ${messageOf(error)}`);
  }
}
