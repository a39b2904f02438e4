// Prints how many files the programs depend on and how long source files are. Exits with 1 if a limit is exceeded.
import { sourceFiles } from '../test/support/source-files';
import { filesNeededBy, importCycles, importGraph } from './import-graph';

/** Most files that a program may depend on, itself and imports of types included. */
const MOST_FILES: ReadonlyArray<readonly [root: string, limit: number]> = [
  ['cli/commands/render.ts', 100],
  ['lambda/submit-render/handler.ts', 70],
  ['container/worker/main.ts', 90],
];
const MOST_LINES = 400;
const FEW_LINES = 25;

const files = sourceFiles(['bin', 'cli', 'container', 'core', 'lambda', 'lib'], ['.ts']);
const graph = importGraph(files);
const lines = files
  .map(({ path, text }) => ({ path, count: text.split('\n').length - 1 }))
  .toSorted((a, b) => a.count - b.count);
const long = lines.filter(({ count }) => count > MOST_LINES);
const short = lines.filter(({ count }) => count < FEW_LINES);
const cycles = importCycles(graph);
let exceeded = long.length + cycles.length;

for (const [root, limit] of MOST_FILES) {
  const count = filesNeededBy(root, graph).size;
  if (count > limit) exceeded += 1;
  console.log(`${root} depends on ${count} files (limit ${limit})${count > limit ? ': too many' : ''}`);
}
console.log(`${files.length} source files, median ${lines[lines.length >> 1]!.count} lines`);
console.log(`over ${MOST_LINES} lines: ${long.length}${named(long)}`);
console.log(`under ${FEW_LINES} lines: ${short.length}${named(short)}`);
console.log(`import cycles: ${cycles.length}`);
for (const cycle of cycles) console.log(`  ${[...cycle, cycle[0]].join(' → ')}`);
if (exceeded > 0) process.exitCode = 1;

function named(some: typeof lines): string {
  return some.length === 0 ? '' : ` (${some.map(({ path, count }) => `${path} ${count}`).join(', ')})`;
}
