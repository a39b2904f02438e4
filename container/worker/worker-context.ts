import type { WorkerEvent } from '../../core/contract/worker-event';
import type { Storage } from '../../core/storage/storage';
import type { Scratch } from './scratch';

/** What a worker's commands are given by the program's rim. */
export interface WorkerContext {
  readonly storage: Storage;
  /** The process's variables. */
  readonly environment: NodeJS.ProcessEnv;
  /** Folders of this worker, which are removed after it. */
  readonly scratch: Scratch;
  /** Aborted when the worker is asked to stop (see `watchInterruptions`). */
  readonly signal: AbortSignal;
  readonly say: (event: WorkerEvent) => void;
  readonly now: () => Date;
}
