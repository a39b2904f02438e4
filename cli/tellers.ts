import { accountPrices, type MachinePool, tablePrices, type VcpuPrices, withNote } from '../core/cost/prices';
import { machinePools, type MachineUsage, renderCost, type RenderCost } from '../core/cost/receipt';
import { messageOf, SpotreelError } from '../core/errors';
import type { FarmDescription } from '../core/jobs/farm';
import { knownReason } from '../core/status/judge';
import type { RenderUsage } from '../core/status/look';
import type { RenderState } from '../core/status/render-state';
import type { ComputeFacts } from './doctor/farm-facts';
import { explainWaiting } from './doctor/judge-farm';

/** Tells what renders of one farm cost. Prices are looked up once, when they are first wanted. */
export class CostTeller {
  /** By the pool of machines, as JSON. */
  private readonly prices = new Map<string, Promise<VcpuPrices>>();

  /** Without a farm, or where its description does not tell its machines, no cost is known. */
  constructor(private readonly farm: Pick<FarmDescription, 'machines' | 'region'> | undefined) {}

  /** By what a look at a render saw. */
  async costOf({ usage }: { readonly usage?: RenderUsage }): Promise<RenderCost | undefined> {
    if (!usage) return undefined;
    const costOf = await this.calculator(usage.onGpu);
    return costOf?.(usage);
  }

  /** By what a render's cost is reckoned, whose slices run on machines with GPUs or without. */
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

/** Spot prices as EC2 tells them by the user's own credentials; the built-in table where it does not, which says why. */
export async function findPrices(pool: MachinePool, region: string): Promise<VcpuPrices> {
  // A large part of the SDK, and of no use to anything else here.
  const { askSpotOffers, createEc2 } = await import('../core/cost/aws-spot-prices');
  const at = new Date();
  try {
    return accountPrices(await askSpotOffers(pool, createEc2(region), at), pool, region, at);
  } catch (error) {
    if (!(error instanceof SpotreelError)) throw error;
    return withNote(tablePrices(pool, region), `cannot get Spot prices from EC2: ${messageOf(error)}`);
  }
}

/** What AWS says of a farm's machines changes slowly, and it is asked a dozen questions. */
const ASK_AGAIN_SECONDS = 5 * 60;

/** Tells why nothing of a farm runs: once that is unusual, and AWS Batch itself does not say, what AWS says of its machines. */
export class WaitTeller {
  private asked: { readonly at: number; readonly answer: Promise<void> } | undefined;
  private found: readonly string[] | undefined;

  /** Without a farm nobody is asked; `find` asks. */
  constructor(
    private readonly farm: FarmDescription | undefined,
    private readonly find: (farm: FarmDescription) => Promise<ComputeFacts> = askAws,
    private readonly now: () => number = Date.now,
  ) {}

  /** With what AWS answers, which is waited for. */
  async explained(state: RenderState): Promise<RenderState> {
    if (!this.isUnusual(state)) return state;
    await this.ask();
    return this.withFound(state);
  }

  /** With what AWS has answered by now. */
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

/** Much of the SDK, and of use only to who waits for long. */
async function askAws(farm: FarmDescription): Promise<ComputeFacts> {
  const { findComputeFacts } = await import('./doctor/aws-facts');
  return findComputeFacts(farm);
}
