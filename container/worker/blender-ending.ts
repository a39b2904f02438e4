import { failureReason, memoryWords } from './blender-log';

/** How a Blender ended. */
export interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its output. */
  readonly lines: readonly string[];
  /** It was silent for so many seconds that the worker ended it. */
  readonly silentSeconds?: number | undefined;
  /** The kernel ended a process for want of memory while it ran. */
  readonly ranOutOfMemory: boolean;
}

/** Of a farm: how much memory a job has. */
export type MemorySetting = 'renderMemoryMib' | 'stitchMemoryMib';

/** What its job has, where that is known. */
interface Memory {
  readonly memoryMib?: number | undefined;
  /** `renderMemoryMib` where it is absent. */
  readonly memorySetting?: MemorySetting | undefined;
}

/** The best that can be said about why a Blender failed, and what to change where that is known. */
export function describeEnding(ending: Ending, memory: Memory): string {
  const { exitCode, signal, lines, silentSeconds, ranOutOfMemory } = ending;
  if (silentSeconds !== undefined) {
    return failureReason(
      lines,
      `Blender said nothing for ${silentSeconds} seconds and was ended; if it needs longer, raise the setting hangMinutes (SPOTREEL_HANG_SECONDS on this machine)`,
    );
  }
  const how = signal ? `Blender was ended by ${signal}` : `Blender ended with exit code ${exitCode}`;
  const words = memoryWords(lines);
  if (words === 'gpu') {
    return failureReason(lines, `${how}: the GPU's memory does not hold the scene; render with --device cpu`);
  }
  if (words === 'machine' || (signal === 'SIGKILL' && ranOutOfMemory)) {
    return failureReason(lines, `out of memory: ${how}; ${memoryRemedy(memory)}`);
  }
  return failureReason(lines, how);
}

function memoryRemedy({ memoryMib, memorySetting = 'renderMemoryMib' }: Memory): string {
  return memoryMib === undefined
    ? 'render fewer frames at a time (--parallel 1), at a lower resolution, or on a machine with more memory'
    : `${memorySetting === 'renderMemoryMib' ? 'a slice' : 'the stitch job'} has ${memoryMib} MiB: raise the setting ${memorySetting}`;
}
