import type { ContentsPart } from './contents-part';
import type { Findings } from './findings';

/** `R_DOCOMP` of `Scene.r.scemode`, `NODE_MUTED` of `bNode.flag` and `NTREE_COMPOSIT`, in Blender's DNA headers. */
const COMPOSITES = 1 << 6;
const MUTED = 1 << 9;
const COMPOSITOR = 1;

const RENDER_LAYERS = 'CompositorNodeRLayers';

/** Addresses of the scenes that a tree renders; 0 is the scene that uses the tree. */
type Rendered = Set<bigint>;

/**
 * Scenes that only composite: no Render Layers node of theirs shows the scene itself. Blender asks for the cameras of those
 * that are shown (`check_valid_compositing_camera` in its pipeline.cc): nodes in groups and muted ones do not count.
 */
export function compositedScenes(findings: Findings): ContentsPart {
  /** Until 4.5 a scene has its own tree, since 5.0 scenes share node groups. */
  const trees = new Map<bigint, Rendered>();
  const scenes = new Map<bigint, { readonly name: string; readonly tree: bigint }>();
  let tree: Rendered | undefined;
  return {
    structs: {
      Scene(fields, { owner }) {
        if (!findings.mayKeep(owner.name)) return;
        const shared = fields.has('compositing_node_group');
        const isUsed =
          (fields.number('r.scemode') & COMPOSITES) !== 0 && (shared || fields.number('use_nodes') !== 0);
        const address = fields.pointer('compositing_node_group', 'nodetree');
        scenes.set(owner.address, { name: owner.name, tree: isUsed ? address : 0n });
      },
      bNodeTree(fields, { owner, address }) {
        const isKnown = owner.code === 'SC' || owner.address === address;
        tree = undefined;
        if (!isKnown || fields.number('type') !== COMPOSITOR || !findings.mayKeep()) return;
        tree = new Set();
        trees.set(address, tree);
      },
      bNode(fields) {
        if (tree === undefined || fields.text('idname') !== RENDER_LAYERS) return;
        if ((fields.number('flag') & MUTED) === 0 && findings.mayKeep()) tree.add(fields.pointer('id'));
      },
    },
    ownerEnds() {
      tree = undefined;
    },
    fileEnds(complete) {
      if (!complete) return;
      for (const [address, scene] of scenes) {
        const rendered = trees.get(scene.tree);
        if (rendered === undefined || rendered.has(0n) || rendered.has(address)) continue;
        const others = [...rendered].map((other) => scenes.get(other)?.name);
        // One that is linked can't be looked into here.
        findings.addComposite(
          scene.name,
          others.filter((name) => name !== undefined),
        );
      }
    },
  };
}
