import type { LinkedData, Reach, RenderedPart } from '../contents/blend-contents';
import type { FileUse, FileUser, OwnerEdges } from './edges';
import {
  DataGraph,
  type Edge,
  higher,
  type Level,
  levelOf,
  type Levels,
  lower,
  MAYBE,
  NONE,
  OFF,
  type Root,
  spreadReach,
  type Strength,
  SURE,
} from './graph';
import { keyOf } from './layouts';

/** `VIEW_LAYER_RENDER` of `ViewLayer.flag`, and of `LayerCollection.flag`, in `DNA_layer_types.h`. */
const RENDERS = 1 << 0;
const EXCLUDED = 1 << 4;
const HOLDOUT = 1 << 5;
const INDIRECT_ONLY = 1 << 6;

const DEEPEST = 256;

interface LayerNode {
  readonly next: number;
  readonly firstChild: number;
  /** Address of its collection; for the first node, the scene's own. */
  readonly collection: number;
  readonly flag: number;
}

interface ViewLayer {
  readonly flag: number;
  readonly first: number;
}

/**
 * What the view layers of a scene render: an edge to each collection that one of them includes, only for its own objects.
 * `isHidden` returns whether a collection and its children are hidden in renders.
 */
function layerEdges(
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
        // A child of an excluded collection may be included.
        walk(node.firstChild, depth + 1);
      }
      address = node.next;
    }
  };
  for (const { flag, first } of layers) if ((flag & RENDERS) !== 0) walk(first, 0);
  return edges;
}

/** Users of files and linked data blocks that are kept. */
const MOST_USES = 1 << 16;
const MOST_LINKED = 1 << 13;
const MOST_LAYERS = 1 << 16;

/** A file that receives its reach. */
export interface Reached {
  reach?: Reach;
  linkedData?: readonly LinkedData[];
}

interface Use {
  readonly file: Reached;
  readonly index: number;
  readonly strength: Strength;
}

interface Linked {
  readonly index: number;
  readonly name: string;
  readonly library: number;
}

const WORDS: readonly Reach[] = ['unused', 'maybe', 'rendered'];
const LEVELS: Readonly<Record<Reach, Level>> = { unused: NONE, maybe: MAYBE, rendered: SURE };

/** Decides which files can reach a rendered frame, from the links between data blocks. */
export class ReachSummary {
  readonly graph = new DataGraph();
  /** The current data block. */
  owner: OwnerEdges | undefined;
  /** Layer collections by address, view layers by index of their scene, and scenes with a replacement material. */
  readonly layerNodes = new Map<number, LayerNode>();
  readonly viewLayers = new Map<number, ViewLayer[]>();
  readonly replaced = new Set<number>();
  readonly #part: RenderedPart | undefined;
  #pending: { readonly file: Reached; readonly use: FileUse }[] = [];
  readonly #uses: Use[] = [];
  readonly #unsure = new Set<Reached>();
  readonly #files = new Set<Reached>();
  readonly #libraries = new Map<number, Reached>();
  readonly #linked: Linked[] = [];
  /** Roots in the requested data. */
  readonly #roots: Root[] = [];
  #scene: { readonly index: number; readonly layers: Strength } | undefined;
  readonly #found = new Set<string>();
  #hasGivenUp: boolean;

  /** Without `part` it finds nothing. */
  constructor(part: RenderedPart | undefined) {
    this.#part = part;
    this.#hasGivenUp = part === undefined;
  }

  get hasGivenUp(): boolean {
    return this.#hasGivenUp;
  }

  /** Whether data blocks other than scenes need names. */
  get wantsNames(): boolean {
    return this.#isLibrary;
  }

  giveUp(): void {
    this.#hasGivenUp = true;
  }

  /** Requested data that the file lacks; empty if it was not read to its end. */
  lacking(complete: boolean): string[] {
    if (!complete || this.#hasGivenUp || !this.#part || !('data' in this.#part)) return [];
    return [...this.#part.data.keys()].filter((name) => !this.#found.has(name));
  }

  /** Adds a data block of the file. `name` starts with its code. */
  addBlock(index: number, name: string): void {
    if (!this.#part || !('data' in this.#part)) return;
    const reach = this.#part.data.get(name);
    if (reach === undefined) return;
    this.#found.add(name);
    const level = LEVELS[reach];
    // Linked data is used as a whole.
    this.#roots.push({ index, base: level, extra: level });
  }

  /** Adds the placeholder of a linked data block. */
  addLinked(index: number, name: string, library: number, owner: OwnerEdges): void {
    owner.add({ target: library, base: SURE, extra: SURE });
    if (this.#linked.length < MOST_LINKED) this.#linked.push({ index, name, library });
    else this.giveUp();
  }

  /** Adds a file that the current data block needs. Not the library itself, but its linked data decides its reach. */
  addUse(file: Reached, user: FileUser, library?: bigint): void {
    if (!this.#part) return;
    const use = { ...user, node: this.owner?.node ?? 0 };
    this.#files.add(file);
    if (library !== undefined) this.#libraries.set(keyOf(library), file);
    else if (this.owner && this.#uses.length + this.#pending.length < MOST_USES)
      this.#pending.push({ file, use });
    else this.#unsure.add(file);
  }

  ownerEnds(owner: OwnerEdges): void {
    const { scene, index } = owner;
    for (const { file, use } of this.#pending)
      this.#uses.push({ file, index, strength: owner.strengthOfUse(use) });
    this.#pending = [];
    this.owner = undefined;
    if (this.layerNodes.size > MOST_LAYERS) this.giveUp();
    if (!scene || !this.#part || !('scene' in this.#part) || owner.name !== `SC${this.#part.scene}`) return;
    this.#scene = { index, layers: owner.showsStrips ? OFF : owner.rendersLayers };
  }

  /** Sets the reach of each file, after the last block; `complete`: whether all blocks were read. */
  settle(complete: boolean): void {
    const isKnown = complete && !this.#hasGivenUp && (this.#scene !== undefined || this.#isLibrary);
    if (!isKnown) {
      for (const file of this.#files) file.reach = 'maybe';
      return;
    }
    const levels = this.#spread();
    const reached = new Map<Reached, Level>();
    for (const { file, index, strength } of this.#uses) {
      const own = levelOf(strength, this.graph.isSwitched(index));
      const level = lower<Level>(own, levels.base(index));
      reached.set(file, higher<Level>(level, reached.get(file) ?? NONE));
    }
    for (const [address, file] of this.#libraries) {
      const index = this.graph.indexOf(address);
      reached.set(file, index === undefined ? MAYBE : levels.base(index));
      file.linkedData = this.#linkedFrom(address, levels);
    }
    for (const file of this.#files) {
      const level = higher<Level>(reached.get(file) ?? NONE, this.#unsure.has(file) ? MAYBE : NONE);
      file.reach = WORDS[level]!;
    }
  }

  get #isLibrary(): boolean {
    return this.#part !== undefined && 'data' in this.#part;
  }

  #spread(): Levels {
    const isHidden = (address: number): boolean => {
      const index = this.graph.indexOf(address);
      return index !== undefined && this.graph.isHidden(index);
    };
    for (const [index, layers] of this.viewLayers) {
      this.graph.addLate(index, layerEdges(layers, this.layerNodes, isHidden));
    }
    const isReplaced = this.#scene !== undefined && this.replaced.has(this.#scene.index);
    return spreadReach(this.graph, this.#allRoots(), isReplaced);
  }

  #allRoots(): Root[] {
    // Data hidden in the library may still be used, for example by a modifier.
    const roots = this.#roots.map(({ index, base, extra }): Root => {
      return { index, base: this.graph.isHidden(index) ? lower<Level>(base, MAYBE) : base, extra };
    });
    if (!this.#scene) return roots;
    const { index, layers } = this.#scene;
    return [{ index, base: SURE, extra: levelOf(layers, this.graph.isSwitched(index)) }];
  }

  #linkedFrom(library: number, levels: Levels): LinkedData[] {
    return this.#linked
      .filter((linked) => linked.library === library)
      .map(({ index, name }) => {
        const level = higher(levels.base(index), levels.extra(index));
        return { name, reach: WORDS[level]! };
      });
  }
}
