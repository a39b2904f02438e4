import { SpotreelError } from '../../core/errors';

/** What befalls one call of a process. */
export type CallFault =
  /** It fails and had no effect. */
  | 'fails'
  /** It had its effect, and the answer is lost. */
  | 'answer lost'
  /** The process is gone before it is made. */
  | 'crash before'
  /** The process is gone once it had its effect. */
  | 'crash after';

export const CALL_FAULTS: readonly CallFault[] = ['fails', 'answer lost', 'crash before', 'crash after'];

/** A process whose calls are counted, and one of which goes wrong. */
export class FaultyProcess {
  /** So far. */
  calls = 0;
  private gone = false;

  /** `at` counts from 1; without it all goes well. `pause` is awaited before each call. */
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
    // What is read from is called, too.
    return isByteSource(result) ? this.see(result) : result;
  }

  private error(): SpotreelError {
    return new SpotreelError('unavailable', 'passing', this.gone ? 'the process is gone' : 'the call failed');
  }
}

function isByteSource(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'read' in value;
}
