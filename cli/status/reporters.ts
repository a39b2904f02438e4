import {
  accountPrices,
  type MachinePool,
  tablePrices,
  type VcpuPrices,
  withNote,
} from '../../core/cost/prices';
import { machinePools, type MachineUsage, renderCost, type RenderCost } from '../../core/cost/receipt';
import { messageOf, SpotreelError } from '../../core/errors';
import type { FarmDescription } from '../../core/jobs/farm';
import { knownReason } from '../../core/status/judge';
import type { RenderUsage } from '../../core/status/look';
import type { RenderState } from '../../core/status/render-state';
import type { ComputeFacts } from '../doctor/farm-facts';
import { explainWaiting } from '../doctor/judge-farm';

/** Computes costs of renders of one farm. Looks prices up once, when first needed. */
export class CostReporter {
  /** Prices by machine pool, as JSON. */
  private readonly prices = new Map<string, Promise<VcpuPrices>>();

  /** Costs are unknown without a farm, or if its description lacks its machines. */
  constructor(private readonly farm: Pick<FarmDescription, 'machines' | 'region'> | undefined) {}

  /** The cost of the usage that a look at a render found. */
  async costOf({ usage }: { readonly usage: RenderUsage }): Promise<RenderCost | undefined> {
    const costOf = await this.calculator(usage.onGpu);
    return costOf?.(usage);
  }

  /** A function that computes costs on GPU or CPU machines. */
  async calculator(onGpu: boolean): Promise<((usage: MachineUsage) => RenderCost) | undefined> {
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

/** Spot prices from EC2 with the user's credentials; else the built-in table, with a note why. */
export async function findPrices(pool: MachinePool, region: string): Promise<VcpuPrices> {
  // Loaded only if needed: a large part of the SDK.
  const { askSpotOffers, createEc2 } = await import('../../core/cost/aws-spot-prices');
  const at = new Date();
  try {
    return accountPrices(await askSpotOffers(pool, createEc2(region), at), pool, region, at);
  } catch (error) {
    if (!(error instanceof SpotreelError)) throw error;
    return withNote(tablePrices(pool, region), `cannot get Spot prices from EC2: ${messageOf(error)}`);
  }
}

/** Facts about a farm's machines change slowly and take a dozen calls. */
const ASK_AGAIN_SECONDS = 5 * 60;

/**
 * Explains why no job of a farm runs, from facts about its machines, if it waits unusually long without a reason from
 * AWS Batch.
 */
export class WaitReporter {
  private asked: { readonly at: number; readonly answer: Promise<void> } | undefined;
  private found: readonly string[] | undefined;

  /** `find` asks AWS; without a farm it is not called. */
  constructor(
    private readonly farm: FarmDescription | undefined,
    private readonly find: (farm: FarmDescription) => Promise<ComputeFacts> = askAws,
    private readonly now: () => number = Date.now,
  ) {}

  /** Waits for the answer of AWS. */
  async explained(state: RenderState): Promise<RenderState> {
    if (!this.isUnusual(state)) return state;
    await this.ask();
    return this.withFound(state);
  }

  /** Uses what AWS has answered so far. */
  explainedSoFar(state: RenderState): RenderState {
    if (!this.isUnusual(state)) return state;
    void this.ask();
    return this.withFound(state);
  }

  private isUnusual({ waiting }: RenderState): boolean {
    return (
      this.farm !== undefined &&
      waiting !== undefined &&
      waiting.hints.length > 0 &&
      knownReason(waiting.statusReason) === undefined
    );
  }

  private ask(): Promise<void> {
    const at = this.now();
    if (!this.asked || at - this.asked.at >= ASK_AGAIN_SECONDS * 1000) {
      const answer = this.find(this.farm!).then((facts) => {
        this.found = explainWaiting(facts);
      });
      this.asked = { at, answer };
    }
    return this.asked.answer;
  }

  private withFound(state: RenderState): RenderState {
    const { found } = this;
    return found && state.waiting ? { ...state, waiting: { ...state.waiting, hints: [], found } } : state;
  }
}

/** Loaded only for long waits: a large part of the SDK. */
async function askAws(farm: FarmDescription): Promise<ComputeFacts> {
  const { findComputeFacts } = await import('../doctor/aws-facts');
  return findComputeFacts(farm);
}
