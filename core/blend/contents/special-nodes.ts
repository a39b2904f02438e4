import type { ContentsPart } from './contents-part';
import type { Findings } from './findings';

/** Blender's own types of node trees: `bNodeTree.idname`. */
const OWN_TREES: ReadonlySet<string> = new Set([
  'ShaderNodeTree',
  'CompositorNodeTree',
  'GeometryNodeTree',
  'TextureNodeTree',
]);

/** `NODE_MUTED` of `bNode.flag`, in Blender's `DNA_node_types.h`. */
const MUTED = 1 << 9;

/** Node trees of add-ons, and the compositor's nodes that denoise. Whether these reach the picture is not looked at. */
export function specialNodes(findings: Findings): ContentsPart {
  return {
    structs: {
      bNodeTree(fields) {
        const type = fields.text('idname');
        if (type !== '' && !OWN_TREES.has(type)) findings.addAddonTree(type);
      },
      bNode(fields, { owner }) {
        const isMuted = (fields.number('flag') & MUTED) !== 0;
        if (!isMuted && fields.text('idname') === 'CompositorNodeDenoise')
          findings.addDenoiseNode(owner.label);
      },
    },
  };
}
