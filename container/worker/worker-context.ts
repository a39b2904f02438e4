import type { WorkerEvent } from '../../core/contract/worker-event';
import type { Storage } from '../../core/storage/storage';

/** What a worker's commands are given by the program's rim. */
export interface WorkerContext {
  readonly storage: Storage;
  /** The process's variables. */
  readonly environment: NodeJS.ProcessEnv;
  /** A folder of this worker's own, which is removed after it. */
  readonly scratch: string;
  /** Aborted when the worker is asked to stop (see `watchInterruptions`). */
  readonly signal: AbortSignal;
  readonly say: (event: WorkerEvent) => void;
  readonly now: () => Date;
}
