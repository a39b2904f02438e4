import { posix } from 'node:path';

/** A source file; `path` is relative to the repository, with forward slashes. */
interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** For each TypeScript file, the files that it imports, types included. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const IMPORT = /(?:\bfrom\s+|\bimport\s*\(?\s*)['"](\.[^'"]+)['"]/g;

/** The imports between `files`. Imports of packages and of other files are left out. */
export function importGraph(files: readonly SourceText[]): ImportGraph {
  const paths = new Set(files.map(({ path }) => path));
  const importsOf = ({ path, text }: SourceText): string[] =>
    [...text.matchAll(IMPORT)]
      .map(([, specifier = '']) => `${posix.join(posix.dirname(path), specifier)}.ts`)
      .filter((target) => paths.has(target));
  return new Map(files.map((file) => [file.path, [...new Set(importsOf(file))]]));
}

/** All files that `root` needs, itself included. Throws if the graph lacks `root`. */
export function filesNeededBy(root: string, graph: ImportGraph): Set<string> {
  if (!graph.has(root)) throw new Error(`${root} is not a source file`);
  const needed = new Set([root]);
  // A set visits what is added while it is iterated.
  for (const file of needed) for (const target of graph.get(file) ?? []) needed.add(target);
  return needed;
}

/** The import cycles that a depth-first search finds, each as its files in order. */
export function importCycles(graph: ImportGraph): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): void => {
    const start = way.indexOf(file);
    if (start !== -1) cycles.push(way.slice(start));
    if (start !== -1 || done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...way, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}
