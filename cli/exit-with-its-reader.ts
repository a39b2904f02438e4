import { codeOf } from '../core/errors';

/** What a shell gives for SIGPIPE, 128 + 13. Node ignores this signal, and writing fails instead. */
const BROKEN_PIPE_EXIT = 141;

/**
 * Ends the program without a message once nothing reads its output any more, as after `spotreel list | head -1`. If nothing
 * reads its notes, the program works on.
 */
export function exitWithItsReader(output: NodeJS.WritableStream, notes: NodeJS.WritableStream): void {
  output.on('error', (error) => {
    if (codeOf(error) !== 'EPIPE') throw error;
    process.exit(BROKEN_PIPE_EXIT);
  });
  notes.on('error', (error) => {
    if (codeOf(error) !== 'EPIPE') throw error;
  });
}
