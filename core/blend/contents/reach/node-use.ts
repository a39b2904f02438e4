import { MAYBE, NONE, OFF, SURE, type Strength } from './data-graph';
import { MAYBE_OUTPUTS, OUTPUTS } from './reach-tables';

/** `NODE_MUTED` and `NODE_DO_OUTPUT` of `bNode.flag`, `NODE_LINK_MUTED` of `bNodeLink.flag`, in `DNA_node_types.h`. */
const MUTED = 1 << 9;
const IS_ACTIVE = 1 << 6;
const LINK_MUTED = 1 << 4;

/** `bNodeTree.type`: shader, compositing, texture, geometry. Others are of add-ons. */
const BUILT_IN: readonly number[] = [0, 1, 2, 3];

/** More than any tree of a real film has; of others nothing is known. */
const MOST_NODES = 1 << 14;
const MOST_LINKS = 1 << 16;

interface Node {
  readonly idname: string;
  readonly flag: number;
  /** Of an output: the engine that it is for, 0 for all. */
  readonly engine: number;
  strength: Strength;
}

interface Link {
  readonly from: number;
  readonly isMuted: boolean;
}

/** Which nodes of one data block's node tree have an effect: those from which links lead to its active output. */
export class NodeUse {
  readonly #nodes = new Map<number, Node>();
  /** By the node that they lead to. */
  readonly #links = new Map<number, Link[]>();
  #linkCount = 0;
  #isUnknown = false;
  #isGroup = false;

  /** Notes a tree; nodes that follow are its. */
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

  /** Whether there is an output that has an effect. */
  get hasOutput(): boolean {
    return this.#isUnknown || this.#outputs().size > 0;
  }

  /** To be asked once all nodes and links are known, before `strengthOf`. */
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
      // A muted node hands on one of its inputs.
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
      // Within a group only the group's own output is one.
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
