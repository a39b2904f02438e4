import { SpotreelError } from '../../core/errors';

/** The fault of one call of a process. */
export type CallFault =
  /** It fails without effect. */
  | 'fails'
  /** It takes effect, and the answer is lost. */
  | 'answer lost'
  /** The process dies before the call. */
  | 'crash before'
  /** The process dies after the call took effect. */
  | 'crash after';

export const CALL_FAULTS: readonly CallFault[] = ['fails', 'answer lost', 'crash before', 'crash after'];

/** A process whose calls are counted, and one of which fails. */
export class FaultyProcess {
  /** So far. */
  calls = 0;
  private gone = false;

  /** `at` counts from 1; without it no call fails. `pause` is awaited before each call. */
  constructor(
    private readonly at = 0,
    private readonly fault: CallFault = 'fails',
    private readonly pause: () => Promise<void> = async () => undefined,
  ) {}

  /** The same service as this process sees it. Only methods that give promises are calls. */
  see<T extends object>(service: T): T {
    return new Proxy(service, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property, target);
        if (typeof member !== 'function') return member;
        const bound: (...args: unknown[]) => unknown = member.bind(target);
        if (property === 'list' || property === 'listFolder' || property === 'close') return bound;
        return (...args: unknown[]) => this.call(() => bound(...args));
      },
    });
  }

  private async call(effect: () => unknown): Promise<unknown> {
    await this.pause();
    this.calls += 1;
    const fault = this.calls === this.at ? this.fault : undefined;
    if (fault?.startsWith('crash')) this.gone = true;
    if (fault === 'fails' || fault === 'crash before' || (this.gone && !fault)) throw this.error();
    const result = await effect();
    if (fault) throw this.error();
    // Reads of a result are calls, too.
    return isByteSource(result) ? this.see(result) : result;
  }

  private error(): SpotreelError {
    return new SpotreelError('unavailable', 'passing', this.gone ? 'the process is gone' : 'the call failed');
  }
}

function isByteSource(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'read' in value;
}
