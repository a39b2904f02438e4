interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Stands for all jobs together; no job has this id. */
const ALL_JOBS = '';

/** Who waits for the end of which job. */
export class Waiters {
  readonly #waiters = new Map<string, Waiter[]>();

  untilEnded(jobId: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.set(jobId, [...(this.#waiters.get(jobId) ?? []), { resolve, reject }]);
    });
  }

  untilIdle(): Promise<void> {
    return this.untilEnded(ALL_JOBS);
  }

  resolveEnded(jobId: string): void {
    for (const { resolve } of this.#waiters.get(jobId) ?? []) resolve();
    this.#waiters.delete(jobId);
  }

  resolveIdle(): void {
    this.resolveEnded(ALL_JOBS);
  }

  rejectAll(error: Error): void {
    for (const { reject } of [...this.#waiters.values()].flat()) reject(error);
    this.#waiters.clear();
  }
}
