import { MAYBE, NONE, SURE, type Edge } from './data-graph';

/** `VIEW_LAYER_RENDER` of `ViewLayer.flag`, and of `LayerCollection.flag`, in `DNA_layer_types.h`. */
const RENDERS = 1 << 0;
const EXCLUDED = 1 << 4;
const HOLDOUT = 1 << 5;
const INDIRECT_ONLY = 1 << 6;

const DEEPEST = 256;

export interface LayerNode {
  readonly next: number;
  readonly firstChild: number;
  /** Of the collection; of the first node, the scene's own. */
  readonly collection: number;
  readonly flag: number;
}

export interface ViewLayer {
  readonly flag: number;
  readonly first: number;
}

/**
 * What the view layers of a scene render: an edge to each collection that is not excluded from one of them, for its own objects only.
 * `isHidden` tells which are hidden in renders, and their children with them.
 */
export function layerEdges(
  layers: readonly ViewLayer[],
  nodes: ReadonlyMap<number, LayerNode>,
  isHidden: (collection: number) => boolean,
): Edge[] {
  const edges: Edge[] = [];
  const seen = new Set<number>();
  const walk = (first: number, depth: number): void => {
    if (depth === DEEPEST) return;
    for (let address = first; ;) {
      const node = nodes.get(address);
      if (!node || seen.has(address)) return;
      seen.add(address);
      if (!isHidden(node.collection)) {
        const base = (node.flag & (HOLDOUT | INDIRECT_ONLY)) === 0 ? SURE : MAYBE;
        const isExcluded = (node.flag & EXCLUDED) !== 0;
        if (!isExcluded) edges.push({ target: node.collection, base, extra: NONE, ofExtra: true });
        // A child of an excluded collection need not be excluded itself.
        walk(node.firstChild, depth + 1);
      }
      address = node.next;
    }
  };
  for (const { flag, first } of layers) if ((flag & RENDERS) !== 0) walk(first, 0);
  return edges;
}
