/** Runs one command, which gives its exit code. */
export type Run = (command: () => Promise<number>) => Promise<void>;
