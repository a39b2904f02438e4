import type { ContentsPart } from './contents-part';
import type { Findings } from './findings';

/** `R_DOCOMP` of `Scene.r.scemode` and `NODE_MUTED` of `bNode.flag`, in Blender's `DNA_scene_types.h` and `DNA_node_types.h`. */
const COMPOSITES = 1 << 6;
const MUTED = 1 << 9;

/**
 * File Output nodes that are not muted, and not in a scene that doesn't use its nodes. Those in a group count whether
 * it is used or not.
 */
export function fileOutputs(findings: Findings): ContentsPart {
  let isUnused = false;
  let mutedSettings = 0n;
  return {
    structs: {
      Scene(fields) {
        const usesNodes = !fields.has('use_nodes') || fields.number('use_nodes') !== 0;
        isUnused = !usesNodes || (fields.number('r.scemode') & COMPOSITES) === 0;
      },
      // The settings of a node follow it, before the next node.
      bNode(fields) {
        mutedSettings = (fields.number('flag') & MUTED) !== 0 ? fields.pointer('storage') : 0n;
      },
      NodeImageMultiFile(fields, { address }) {
        if (isUnused || address === mutedSettings) return;
        findings.addFileOutput(fields.text('base_path', 'directory'));
      },
    },
    ownerEnds() {
      isUnused = false;
      mutedSettings = 0n;
    },
  };
}
