/**
 * Variables that begin with `SPOTREEL_` and are not settings: those of the worker, of the command line and of the tests.
 * A contract test finds each one that the code uses and this list lacks.
 */
export const OTHER_VARIABLES: readonly string[] = [
  'SPOTREEL_ALLOW_SCRIPTS',
  'SPOTREEL_BLENDER',
  'SPOTREEL_BLENDER_VERSION',
  'SPOTREEL_CACHE',
  'SPOTREEL_FFMPEG',
  'SPOTREEL_GOLDEN',
  'SPOTREEL_HANG_SECONDS',
  'SPOTREEL_HEAVY',
  'SPOTREEL_HOST_FOLDER',
  'SPOTREEL_LANDLOCK_ABI',
  'SPOTREEL_LIFELINE',
  'SPOTREEL_LOG_MIB',
  'SPOTREEL_MACHINES',
  'SPOTREEL_MEMORY_MIB',
  'SPOTREEL_METADATA',
  'SPOTREEL_PROBE',
  'SPOTREEL_SANDBOX',
  'SPOTREEL_SCREENSHOTS',
  'SPOTREEL_SECONDS',
  'SPOTREEL_SPOT_NOTICE',
  'SPOTREEL_STOP_SECONDS',
  'SPOTREEL_THREADS',
];

/** The part of a message that names the known name nearest to `name`. */
export function nearestName(name: string, known: readonly string[]): string {
  const plain = plainName(name);
  const distances = known.map((one) => ({ one, distance: editDistance(plain, plainName(one)) }));
  const [best] = distances.toSorted((a, b) => a.distance - b.distance);
  if (best === undefined || best.distance > Math.max(2, plain.length / 2)) {
    return 'docs/settings.md lists all settings';
  }
  return `the nearest name is ${best.one}`;
}

/** Without capitals and separators, which people confuse most. */
function plainName(name: string): string {
  return name.replace(/[^a-z0-9]/gi, '').toLowerCase();
}

/** How many letters to insert, delete or replace to turn one text into the other (Levenshtein's distance). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let index = 0; index < from.length; index += 1) {
    const next = [index + 1];
    for (let column = 0; column < to.length; column += 1) {
      const replaced = row[column]! + (from[index] === to[column] ? 0 : 1);
      next.push(Math.min(replaced, row[column + 1]! + 1, next[column]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
