import { createHash } from 'node:crypto';
import type { StorageFaults } from './round-plan';

/** The fault of one request to storage. */
export type RequestFault =
  /** InternalError. */
  | '500'
  /** SlowDown. */
  | '503'
  /** It takes its time. */
  | 'slow'
  /** The connection breaks before all has been sent. */
  | 'drop-upload'
  /** The connection breaks within the answer's body. */
  | 'drop-download'
  /** It has its effect, and the connection breaks before the answer. */
  | 'answer-lost';

const FAULTS: readonly RequestFault[] = ['500', '503', 'slow', 'drop-upload', 'drop-download', 'answer-lost'];

/** More failures in a row than the SDK's own 3 tries. */
const BURST_RATE = 0.25;
const BURST = 3;

/**
 * Decides for each request by seed, method, key and how often that was asked before, not by the order in which requests of
 * different programs happen to arrive. After `most` faults no request fails.
 */
export class RequestFaults {
  private readonly seen = new Map<string, number>();
  private readonly bursts = new Map<string, number>();
  private left: number;

  constructor(
    private readonly seed: number,
    private readonly faults: StorageFaults,
  ) {
    this.left = faults.most;
  }

  next(method: string, key: string): RequestFault | undefined {
    const request = `${method} ${key}`;
    const times = (this.seen.get(request) ?? 0) + 1;
    this.seen.set(request, times);
    if (this.left === 0) return undefined;
    const [hit, kind, burst] = drawsOf(`${this.seed} ${request} ${times}`);
    const inBurst = this.bursts.get(request) ?? 0;
    if (inBurst === 0 && hit >= this.faults.rate) return undefined;
    this.left -= 1;
    if (inBurst > 0) this.bursts.set(request, inBurst - 1);
    else if (burst < BURST_RATE) this.bursts.set(request, BURST - 1);
    return FAULTS[Math.floor(kind * FAULTS.length)]!;
  }
}

/** Three numbers from 0 to 1. */
function drawsOf(text: string): [number, number, number] {
  const digest = createHash('sha256').update(text).digest();
  const draw = (at: number): number => digest.readUInt32BE(at) / 2 ** 32;
  return [draw(0), draw(4), draw(8)];
}
