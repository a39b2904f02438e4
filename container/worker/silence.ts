/** The longest time that a timer can hold, in milliseconds: a longer one would go off at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Goes off when nothing is heard for too long while something should be. */
export class SilenceAlarm {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onSilence: () => void) {}

  /** From now on something is to be heard, and never `seconds` pass without. */
  listen(seconds: number): void {
    this.rest();
    // Whoever is listened to keeps this process; the alarm alone does not.
    this.timer = setTimeout(this.onSilence, Math.min(seconds * 1000, LONGEST_MS)).unref();
  }

  heard(): void {
    this.timer?.refresh();
  }

  /** Silence is in order. */
  rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
