/**
 * A file counts as whole once nothing of it has changed for so long. One whose copy stalls for longer is taken too early: as it
 * is then, it is refused, or is a render of its own; and when it goes on, it is another version, which is looked at anew.
 */
const STILL_SECONDS = 5;

/** Since when things are as they are. */
export class Stillness {
  private since = new Map<string, { readonly fingerprint: string; readonly at: number }>();

  /**
   * Takes in a look at everything that is waited for; `at` in milliseconds, of any clock that never goes back. Gives the keys of what
   * has been still for long enough. What is not looked at any more is forgotten.
   */
  settle(
    looks: ReadonlyArray<{ readonly key: string; readonly fingerprint: string }>,
    at: number,
  ): Set<string> {
    this.since = new Map(
      looks.map(({ key, fingerprint }) => {
        const before = this.since.get(key);
        return [key, before?.fingerprint === fingerprint ? before : { fingerprint, at }];
      }),
    );
    const still = [...this.since].filter(([, { at: from }]) => at - from >= STILL_SECONDS * 1000);
    return new Set(still.map(([key]) => key));
  }
}
