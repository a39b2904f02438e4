import type { Sdna } from '../blend/sdna';
import {
  type Channel,
  type DataGraph,
  type Edge,
  MAYBE,
  NONE,
  OFF,
  rendersStrips,
  type Strength,
  type Strip,
  stripStrengths,
  SURE,
} from './graph';
import { addressAt, MAYBE_OUTPUTS, OUTPUTS } from './layouts';

/** `NODE_MUTED` and `NODE_DO_OUTPUT` of `bNode.flag`, `NODE_LINK_MUTED` of `bNodeLink.flag`, in `DNA_node_types.h`. */
const MUTED = 1 << 9;
const IS_ACTIVE = 1 << 6;
const LINK_MUTED = 1 << 4;

/** `bNodeTree.type`: shader, compositing, texture, geometry. Others belong to add-ons. */
const BUILT_IN: readonly number[] = [0, 1, 2, 3];

/** More than any tree of a real film has; larger ones are unknown. */
const MOST_NODES = 1 << 14;
const MOST_LINKS = 1 << 16;

interface Node {
  readonly idname: string;
  readonly flag: number;
  /** For an output: its engine, 0 for all. */
  readonly engine: number;
  strength: Strength;
}

interface Link {
  readonly from: number;
  readonly isMuted: boolean;
}

/** Which nodes of one data block's tree have an effect: those linked to its active output. */
class NodeUse {
  readonly #nodes = new Map<number, Node>();
  /** By target node. */
  readonly #links = new Map<number, Link[]>();
  #linkCount = 0;
  #isUnknown = false;
  #isGroup = false;

  /** Starts a tree; later nodes belong to it. */
  addTree(type: number, isGroup: boolean): void {
    if (!BUILT_IN.includes(type)) this.#isUnknown = true;
    this.#isGroup = isGroup;
  }

  addNode(address: number, idname: string, flag: number, engine: number): void {
    if (this.#nodes.size >= MOST_NODES || idname === '') this.#isUnknown = true;
    else this.#nodes.set(address, { idname, flag, engine, strength: NONE });
  }

  addLink(from: number, to: number, flag: number): void {
    this.#linkCount += 1;
    if (this.#linkCount > MOST_LINKS) this.#isUnknown = true;
    if (this.#isUnknown) return;
    const link = { from, isMuted: (flag & LINK_MUTED) !== 0 };
    const known = this.#links.get(to);
    if (known) known.push(link);
    else this.#links.set(to, [link]);
  }

  /** Whether any output has an effect. */
  get hasOutput(): boolean {
    return this.#isUnknown || this.#outputs().size > 0;
  }

  /** Call it after all nodes and links, before `strengthOf`. */
  settle(): void {
    if (this.#isUnknown || this.#nodes.size === 0) return;
    const waiting: [address: number, strength: 1 | 2][] = [...this.#outputs()];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [address, strength] = next;
      const node = this.#nodes.get(address);
      if (!node) continue;
      const isMuted = (node.flag & MUTED) !== 0;
      if (node.strength === OFF || (node.strength !== NONE && node.strength >= strength)) continue;
      node.strength = isMuted ? OFF : strength;
      // A muted node passes on one of its inputs.
      const handed = isMuted ? MAYBE : strength;
      for (const { from, isMuted: isCut } of this.#links.get(address) ?? []) {
        if (!isCut) waiting.push([from, handed]);
      }
    }
  }

  /** `OFF` for a muted node. */
  strengthOf(address: number): Strength {
    return this.#isUnknown ? MAYBE : (this.#nodes.get(address)?.strength ?? MAYBE);
  }

  #outputs(): Map<number, 1 | 2> {
    const found = new Map<number, 1 | 2>();
    for (const idname of OUTPUTS) {
      const outputs = [...this.#nodes].filter(([, node]) => node.idname === idname);
      const isSingle = outputs.length === 1;
      const active = outputs.find(([, { flag }]) => (flag & IS_ACTIVE) !== 0) ?? outputs[0];
      const isForAll = outputs.every(([, { engine }]) => engine === 0);
      // In a group only the group output counts.
      const isOwn = this.#isGroup === (idname === 'NodeGroupOutput');
      if (isForAll && isOwn && active) found.set(active[0], SURE);
      else if (!isOwn || !isSingle || !isForAll) for (const [address] of outputs) found.set(address, MAYBE);
    }
    for (const [address, { idname }] of this.#nodes) {
      if (!found.has(address) && MAYBE_OUTPUTS.test(idname)) found.set(address, MAYBE);
    }
    return found;
  }
}

/** Blender allows at most this many slots. */
const MOST_SLOTS = 32_767;

/**
 * The material slots of the current data block: an array of pointers to materials, and for a mesh an array with the slot of
 * each face.
 */
class SlotUse {
  /** Address of the array of materials. */
  array = 0;
  /** Address of the array of slots of faces. */
  faces = 0;
  /** Whether the file stores slots of faces as an attribute, without which all faces use the first slot. */
  tellsFaces = false;
  slots: number[] = [];
  readonly #used = new Set<number>();
  #isRead = false;

  readMaterials(view: DataView, header: Sdna['header']): void {
    const count = Math.min(Math.floor(view.byteLength / header.pointerBytes), MOST_SLOTS);
    this.slots = Array.from({ length: count }, (_, at) => addressAt(view, at * header.pointerBytes, header));
  }

  /** Reads the slots of faces, `step` bytes apart. */
  readFaces(view: DataView, first: number, step: number, bytes: 2 | 4, littleEndian: boolean): void {
    this.#isRead = true;
    // The materials come first.
    if (this.slots.length === 0) return;
    for (let at = first; at + bytes <= view.byteLength; at += step) {
      const slot = bytes === 2 ? view.getInt16(at, littleEndian) : view.getInt32(at, littleEndian);
      this.#used.add(Math.min(Math.max(slot, 0), Math.max(this.slots.length - 1, 0)));
      if (this.#used.size === this.slots.length) return;
    }
  }

  /** Whether it is still uncertain that these were the slots of faces. */
  isGuess = false;

  /** The bytes were not the slots of faces, so these are unknown. */
  forget(): void {
    this.#isRead = true;
    this.#used.clear();
  }

  /** Edges from a mesh to its materials: certain for those of faces; for others, only a modifier may use them. */
  edgesOfMesh(): Edge[] {
    const [only] = this.slots;
    if (this.slots.length === 1) return [{ target: only!, base: SURE, extra: NONE }];
    if (!this.#isRead && this.tellsFaces && this.faces === 0) this.#used.add(0);
    const isKnown = this.#used.size > 0 && !this.isGuess;
    return this.slots.map((target, slot) => {
      if (!isKnown) return { target, base: MAYBE, extra: NONE };
      const isUsed = this.#used.has(slot);
      return { target, base: isUsed ? SURE : MAYBE, extra: NONE, ofExtra: !isUsed };
    });
  }

  /** Edges from other data blocks, whose parts have slots that are not read. */
  edgesOfOther(): Edge[] {
    const base = this.slots.length === 1 ? SURE : MAYBE;
    return this.slots.map((target) => ({ target, base, extra: NONE }));
  }

  /** Edges from an object to its own materials: `OFF` if its data's materials apply. */
  edgesOfObject(bits: Uint8Array | undefined): Edge[] {
    return this.slots.map((target, slot) => {
      const isOwn = bits !== undefined && bits[slot] === 1;
      if (!isOwn) return { target, base: OFF, extra: NONE };
      return { target, base: this.slots.length === 1 ? SURE : MAYBE, extra: NONE };
    });
  }
}

/** Edges kept for one data block until it ends; a larger one is unknown. */
const MOST_PENDING = 1 << 17;

interface NodeEdge extends Edge {
  readonly node: number;
}

interface StripEdge extends Edge {
  readonly strip: number;
}

/** The user of a file. */
export interface FileUser {
  readonly label: string;
  readonly kind: string;
  /** Whether frames may not need it even if they show its data block. */
  readonly isSpare?: boolean;
}

/** A file that the current data block needs. */
export interface FileUse extends FileUser {
  /** Its node, 0 for none. */
  readonly node: number;
}

/** Data blocks that are one file and need it whole. */
const FILES: ReadonlySet<string> = new Set(['IM', 'VF', 'MC', 'VO', 'CF', 'SO', 'LI']);

/** What a render takes from a scene. */
export interface SceneState {
  readonly usesStrips: boolean;
  /** How certainly the scene's own tree is used. */
  readonly composites: Strength;
  /** Whether a shared tree is used. */
  readonly hasGroup: boolean;
  readonly start: number;
  readonly end: number;
}

/** The edges of the current data block: only its last block shows which parts are used. */
export class OwnerEdges {
  readonly code: string;
  /** Starts with its code; only the code if the name is not needed. */
  readonly name: string;
  readonly index: number;
  readonly address: number;
  readonly slots = new SlotUse();
  firstStrip = 0;
  firstChannel = 0;
  /** The current node and strip; 0 for none. */
  node = 0;
  nodeName = '';
  strip = 0;
  scene: SceneState | undefined;
  /** Strength of its own tree. */
  treeStrength: Strength = SURE;
  /** For an object: whether its modifiers may change the slots of faces. */
  mayMoveSlots = false;
  data = 0;
  slotBits: Uint8Array | undefined;
  /** Limit for all its edges, such as for an object that the camera may not see. */
  most: Strength = SURE;
  /** Scenes whose render the tree shows, 0 for its own. */
  readonly renderLayers: { readonly node: number; readonly scene: number }[] = [];
  hasGroupNodes = false;
  readonly #edges: Edge[] = [];
  readonly #nodeEdges: NodeEdge[] = [];
  readonly #stripEdges: StripEdge[] = [];
  #stripStrengths: ReadonlyMap<number, Strength> = new Map();
  #strengthsByLabel: Map<string, Strength> | undefined;
  // Allocated on demand: few of a hundred thousand objects have these.
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

  /** By label: `modifier "Cloth"`. */
  get modifiers(): Map<string, Strength> {
    return (this.#modifiers ??= new Map());
  }

  /** Adds an edge of the current node or strip, if any. */
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

  /** Adds its edges to the graph. The methods below are valid afterwards. */
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

  /** How certainly the file is needed if the data block is used. */
  strengthOfUse({ label, kind, node, isSpare }: FileUse): Strength {
    if (isSpare) return MAYBE;
    if (node !== 0) return this.#nodeStrength(node);
    const modifier = this.#modifiers?.get(label.slice(0, Math.max(label.lastIndexOf(' of object "'), 0)));
    if (modifier !== undefined) return modifier;
    if (kind === 'strip') return this.#strengthsByLabel?.get(label) ?? MAYBE;
    return FILES.has(this.code) ? SURE : MAYBE;
  }

  /** Whether the scene shows its strips instead of its layers. */
  get showsStrips(): boolean {
    const { scene, strips, channels, firstStrip, firstChannel } = this;
    return scene?.usesStrips === true && rendersStrips({ strips, channels, firstStrip, firstChannel });
  }

  /** For a scene: how certainly its own layers render. */
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

/** Ranks of `NONE`, `MAYBE`, `SURE` and `OFF`: the order is `NONE`, `OFF`, `MAYBE`, `SURE`. */
const RANKS: readonly number[] = [0, 2, 3, 1];

/** The strength if both are required. */
function weaker(one: Strength, other: Strength): Strength {
  return RANKS[one]! < RANKS[other]! ? one : other;
}

export function stronger(one: Strength, other: Strength): Strength {
  return RANKS[one]! > RANKS[other]! ? one : other;
}
