import {
  higher,
  lower,
  MAYBE,
  NONE,
  OFF,
  SURE,
  type DataGraph,
  type Edge,
  type Level,
  type Strength,
} from './data-graph';

/** Where a search starts. */
export interface Root {
  readonly index: number;
  readonly base: Level;
  readonly extra: Level;
}

/** How surely each data block comes into the frame. */
export interface Levels {
  base(index: number): Level;
  extra(index: number): Level;
}

/**
 * Follows a graph from its roots: a block is as sure as the weakest step of the surest way to it. Takes time in proportion
 * to the edges, since a block can rise only four times.
 */
export function spreadReach(graph: DataGraph, roots: readonly Root[], materialsReplaced: boolean): Levels {
  const bases = new Map<number, Level>();
  const extras = new Map<number, Level>();
  const switched = new Map<number, boolean>();
  const waiting: number[] = [];

  const isSwitched = (index: number): boolean => {
    let known = switched.get(index);
    if (known === undefined) switched.set(index, (known = graph.isSwitched(index)));
    return known;
  };
  const raise = (index: number, base: Level, extra: Level): void => {
    const isHigher = base > (bases.get(index) ?? NONE) || extra > (extras.get(index) ?? NONE);
    if (!isHigher) return;
    bases.set(index, higher<Level>(base, bases.get(index) ?? NONE));
    extras.set(index, higher<Level>(extra, extras.get(index) ?? NONE));
    waiting.push(index);
  };
  const gate = ({ to, gated }: Edge & { to: number }): Level => {
    if (!gated) return SURE;
    if (isSwitched(to)) return MAYBE;
    return graph.isHidden(to) ? NONE : SURE;
  };
  const follow = (from: number): void => {
    const own = isSwitched(from);
    for (const edge of graph.edges(from)) {
      const source = (edge.ofExtra ? extras.get(from) : bases.get(from)) ?? NONE;
      if (source === NONE) continue;
      const isReplaced = materialsReplaced && !edge.overrides && graph.codeAt(edge.to) === 'MA';
      const most = lower<Level>(lower(source, gate(edge)), isReplaced ? MAYBE : SURE);
      raise(edge.to, lower(levelOf(edge.base, own), most), lower(levelOf(edge.extra, own), most));
    }
  };

  for (const { index, base, extra } of roots) raise(index, base, extra);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) follow(next);
  return { base: (index) => bases.get(index) ?? NONE, extra: (index) => extras.get(index) ?? NONE };
}

/** What an edge is worth where animations switch things of its block, or don't. */
export function levelOf(strength: Strength, switched: boolean): Level {
  if (strength === OFF) return switched ? MAYBE : NONE;
  return switched && strength === SURE ? MAYBE : strength;
}
