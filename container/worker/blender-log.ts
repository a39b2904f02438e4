/** How many of the last lines are kept: Blender's reason stands near the end. */
const TAIL_LINES = 40;

/** The last lines of an output, whatever its length. */
export class LogTail {
  private kept: string[] = [];

  add(line: string): void {
    if (line.trim() === '') return;
    this.kept.push(line);
    if (this.kept.length > TAIL_LINES) this.kept.shift();
  }

  lines(): readonly string[] {
    return this.kept;
  }
}

/** Lines that Blender and its libraries write when something fails, of 3.x and of 5.x with its longer prefixes. */
const TELLING =
  /\berror\b|not a blend file|out of memory|cannot|failed|no such file|traceback|exception|segmentation/i;

/** Lines that only say that Blender is at work, or gone. */
const ORDINARY = /^(Fra:|Saved:|\s*Time:|Blender quit|Read blend|Blender \d)/;

const LONGEST_REASON = 500;

/** Why Blender failed, in its own words where it has any: the last telling line, else how it ended. */
export function failureReason(
  lines: readonly string[],
  exitCode: number | null,
  signal: NodeJS.Signals | null,
): string {
  const ending = signal ? `Blender was ended by ${signal}` : `Blender ended with exit code ${exitCode}`;
  const words = lines.filter((line) => TELLING.test(line) && !ORDINARY.test(line));
  // A crash says nothing of the line before it, and the line before it little of the crash: both are needed.
  const last = words.at(-1)?.trim().slice(0, LONGEST_REASON);
  return last ? `${last} (${ending})` : ending;
}
