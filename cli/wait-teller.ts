import type { FarmDescription } from '../core/contract/farm-description';
import { knownReason } from '../core/render-state/why-waiting';
import type { RenderState } from '../core/render-state/render-state';
import type { ComputeFacts } from './doctor/farm-facts';
import { explainWaiting } from './doctor/explain-waiting';

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
  const { findComputeFacts } = await import('./doctor/aws-farm-facts');
  return findComputeFacts(farm);
}
