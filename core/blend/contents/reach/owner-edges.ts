import { MAYBE, NONE, OFF, SURE, type DataGraph, type Edge, type Strength } from './data-graph';
import { NodeUse } from './node-use';
import { SlotUse } from './slot-use';
import { rendersStrips, stripStrengths, type Channel, type Strip } from './strip-use';

/** Kept for one data block until it ends; of one with more nothing is known. */
const MOST_PENDING = 1 << 17;

interface NodeEdge extends Edge {
  readonly node: number;
}

interface StripEdge extends Edge {
  readonly strip: number;
}

/** Who needs a file. */
export interface FileUser {
  readonly label: string;
  readonly kind: string;
  /** Whether a frame may do without it though the data block is shown. */
  readonly isSpare?: boolean;
}

/** A file that the data block at hand needs. */
export interface FileUse extends FileUser {
  /** Of the node that it belongs to, 0 for none. */
  readonly node: number;
}

/** Data blocks that are one file's stand-in, and need it whole. */
const FILES: ReadonlySet<string> = new Set(['IM', 'VF', 'MC', 'VO', 'CF', 'SO', 'LI']);

/** Of a scene, what a render takes from it. */
export interface SceneState {
  readonly usesStrips: boolean;
  /** How sure the tree of the scene itself is to be used. */
  readonly composites: Strength;
  /** Whether another tree is. */
  readonly hasGroup: boolean;
  readonly start: number;
  readonly end: number;
}

/** What is known of the data block at hand until its last block: which of its parts are used turns out only then. */
export class OwnerEdges {
  readonly code: string;
  /** With its code in front; the code alone where the name is not needed. */
  readonly name: string;
  readonly index: number;
  readonly address: number;
  readonly slots = new SlotUse();
  firstStrip = 0;
  firstChannel = 0;
  /** The node, and the strip, whose blocks are being shown; 0 for none. */
  node = 0;
  nodeName = '';
  strip = 0;
  scene: SceneState | undefined;
  /** Of the tree of its own. */
  treeStrength: Strength = SURE;
  /** Of an object: whether its modifiers may give its faces other slots. */
  mayMoveSlots = false;
  data = 0;
  slotBits: Uint8Array | undefined;
  /** At most how sure anything of it is, such as for an object that the camera may not see. */
  most: Strength = SURE;
  /** Strength of each scene's render that the tree shows, 0 for its own. */
  readonly renderLayers: { readonly node: number; readonly scene: number }[] = [];
  hasGroupNodes = false;
  readonly #edges: Edge[] = [];
  readonly #nodeEdges: NodeEdge[] = [];
  readonly #stripEdges: StripEdge[] = [];
  #stripStrengths: ReadonlyMap<number, Strength> = new Map();
  #strengthsByLabel: Map<string, Strength> | undefined;
  // Of a hundred thousand objects few have any of these.
  #nodes: NodeUse | undefined;
  #strips: Map<number, Strip> | undefined;
  #channels: Map<number, Channel> | undefined;
  #modifiers: Map<string, Strength> | undefined;
  #pending = 0;
  isFull = false;

  constructor(code: string, name: string, index: number, address: number) {
    this.code = code;
    this.name = name;
    this.index = index;
    this.address = address;
  }

  get nodes(): NodeUse {
    return (this.#nodes ??= new NodeUse());
  }

  get strips(): Map<number, Strip> {
    return (this.#strips ??= new Map());
  }

  get channels(): Map<number, Channel> {
    return (this.#channels ??= new Map());
  }

  /** By `modifier "Cloth"`. */
  get modifiers(): Map<string, Strength> {
    return (this.#modifiers ??= new Map());
  }

  /** Belongs to the node or strip at hand, where there is one. */
  add(edge: Edge): void {
    if (!this.mayKeep()) return;
    if (this.node !== 0) this.#nodeEdges.push({ ...edge, node: this.node });
    else if (this.strip !== 0) this.#stripEdges.push({ ...edge, strip: this.strip });
    else this.#edges.push(edge);
  }

  mayKeep(): boolean {
    this.#pending += 1;
    this.isFull ||= this.#pending > MOST_PENDING;
    return !this.isFull;
  }

  /** Puts its edges into the graph. What is asked below holds from then on. */
  settle(graph: DataGraph): void {
    this.#nodes?.settle();
    const { scene, slots } = this;
    if (scene) this.#settleStrips(scene);
    const ofExtra = scene !== undefined;
    for (const edge of this.#edges) this.#put(graph, ofExtra ? { ofExtra, ...edge } : edge, SURE);
    for (const edge of this.#nodeEdges) this.#put(graph, edge, this.#nodeStrength(edge.node));
    for (const edge of this.#stripEdges) this.#put(graph, edge, this.#stripStrength(edge.strip));
    if (this.code === 'OB') this.#settleObject(graph);
    else
      for (const edge of this.code === 'ME' ? slots.edgesOfMesh() : slots.edgesOfOther())
        this.#put(graph, edge, SURE);
  }

  #settleStrips(scene: SceneState): void {
    const { strips, channels, firstStrip, firstChannel } = this;
    this.#stripStrengths = stripStrengths({ strips, channels, firstStrip, firstChannel }, scene);
    const byLabel = (this.#strengthsByLabel ??= new Map());
    for (const [address, { label }] of strips)
      byLabel.set(label, stronger(byLabel.get(label) ?? NONE, this.#stripStrength(address)));
  }

  /** How sure the file is to be needed where the data block is. */
  strengthOfUse({ label, kind, node, isSpare }: FileUse): Strength {
    if (isSpare) return MAYBE;
    if (node !== 0) return this.#nodeStrength(node);
    const modifier = this.#modifiers?.get(label.slice(0, Math.max(label.lastIndexOf(' of object "'), 0)));
    if (modifier !== undefined) return modifier;
    if (kind === 'strip') return this.#strengthsByLabel?.get(label) ?? MAYBE;
    return FILES.has(this.code) ? SURE : MAYBE;
  }

  /** Whether the scene shows its strips in place of its layers. */
  get showsStrips(): boolean {
    const { scene, strips, channels, firstStrip, firstChannel } = this;
    return scene?.usesStrips === true && rendersStrips({ strips, channels, firstStrip, firstChannel });
  }

  /** How sure its own scene's layers are to be rendered, where it is the scene. */
  get rendersLayers(): Strength {
    const { scene } = this;
    if (!scene || scene.composites === NONE || scene.composites === OFF)
      return scene?.hasGroup ? MAYBE : SURE;
    const own = this.renderLayers.filter((layers) => layers.scene === 0 || layers.scene === this.address);
    const strengths = own.map(({ node }) => this.#nodeStrength(node));
    if (strengths.includes(SURE)) return SURE;
    const isSure = this.nodes.hasOutput && !this.hasGroupNodes;
    return isSure && strengths.every((strength) => strength === NONE) ? NONE : MAYBE;
  }

  #settleObject(graph: DataGraph): void {
    const { data, slots, slotBits, mayMoveSlots } = this;
    const hasOwn = slotBits?.includes(1) ?? false;
    this.#put(
      graph,
      { target: data, base: hasOwn ? MAYBE : SURE, extra: hasOwn || mayMoveSlots ? MAYBE : NONE },
      SURE,
    );
    for (const edge of slots.edgesOfObject(slotBits)) this.#put(graph, edge, SURE);
  }

  #put(graph: DataGraph, edge: Edge, most: Strength): void {
    const limit = weaker(most, this.most);
    graph.addEdge(edge, weaker(edge.base, limit), weaker(edge.extra, limit));
  }

  #nodeStrength(node: number): Strength {
    return weaker(this.nodes.strengthOf(node), this.treeStrength);
  }

  #stripStrength(address: number): Strength {
    if (this.scene?.usesStrips === false) return NONE;
    return this.#stripStrengths.get(address) ?? NONE;
  }
}

/** By strength: `NONE`, then `OFF`, then `MAYBE`, then `SURE`. */
const RANKS: readonly number[] = [0, 2, 3, 1];

/** Where both have to hold. */
function weaker(one: Strength, other: Strength): Strength {
  return RANKS[one]! < RANKS[other]! ? one : other;
}

export function stronger(one: Strength, other: Strength): Strength {
  return RANKS[one]! > RANKS[other]! ? one : other;
}
