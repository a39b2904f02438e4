import { programEnvironment } from './program-environment';
import { findProgram } from './programs';
import { sandboxed } from './sandbox';
import type { WorkerContext } from './worker-context';

/** How ffmpeg is started. */
export interface PreparedFfmpeg {
  /** Its path. */
  readonly path: string;
  /** Its path, in the sandbox: it writes into `scratch.ffmpeg` only. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** SVT-AV1 describes itself in eleven lines of the log otherwise. */
const QUIET = { SVT_LOG: '1' };

/** Throws `no-program`. */
export function prepareFfmpeg({
  environment,
  scratch: { ffmpeg: folder },
}: Pick<WorkerContext, 'environment' | 'scratch'>): PreparedFfmpeg {
  const path = findProgram('ffmpeg', environment);
  return {
    path,
    command: sandboxed([path], { write: [folder] }, environment),
    environment: { ...programEnvironment(environment, folder), ...QUIET },
  };
}
