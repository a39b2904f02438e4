"""What the compositor of a scene renders."""


def tree_of(scene):
    """Its node tree, whether it is used or not: from Blender 5.0 on a group like any other."""
    return scene.compositing_node_group if hasattr(scene, "compositing_node_group") else scene.node_tree


def tree_in_use(scene):
    """The node tree that renders of the scene go through; None if they go through none."""
    used = scene.render.use_compositing and getattr(scene, "use_nodes", True)
    return tree_of(scene) if used else None


def drawn_scenes(scene):
    """Those that Render Layers nodes show; without a compositor the scene itself. Each once."""
    tree = tree_in_use(scene)
    if tree is None:
        return [scene]
    nodes = [node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers" and not node.mute]
    return list(dict.fromkeys(node.scene or scene for node in nodes))
