import vm from 'node:vm';

/** fzstd unpacks about 30 MiB in a second; what takes much longer means harm. */
const GRACE_MILLISECONDS = 10_000;
const MILLISECONDS_PER_MIB = 200;

const DECODE = new vm.Script('decode()');

/** One for all: nothing waits while it is in use, and each takes milliseconds to make. */
let sandbox: vm.Context | undefined;

/** The time that unpacking one file may take, by the bytes that come out of it. */
export class DecodeClock {
  #millisecondsLeft: number;

  constructor(graceMilliseconds = GRACE_MILLISECONDS) {
    this.#millisecondsLeft = graceMilliseconds;
  }

  /**
   * Runs `decode`, which tells how many bytes it gave, at most `maxBytes`; stops it from outside, as `vm` can, when it
   * takes absurdly long for that many. Throws what `decode` throws, and an error when time is over.
   */
  run(maxBytes: number, decode: () => number): void {
    const granted = this.#millisecondsLeft + (maxBytes / 2 ** 20) * MILLISECONDS_PER_MIB;
    if (granted < 1) throw new Error('it takes far too long to unpack');
    let bytes = 0;
    sandbox ??= vm.createContext({});
    sandbox['decode'] = () => {
      bytes = decode();
    };
    const started = performance.now();
    try {
      DECODE.runInContext(sandbox, { timeout: Math.ceil(granted) });
    } finally {
      this.#millisecondsLeft += (bytes / 2 ** 20) * MILLISECONDS_PER_MIB - (performance.now() - started);
    }
  }
}
