"""The node tree of a scene's compositor, and the scenes that it renders."""


def tree_of(scene):
    """The compositor's node tree, used or not. Since Blender 5.0 it is a node group."""
    return scene.compositing_node_group if hasattr(scene, "compositing_node_group") else scene.node_tree


def tree_in_use(scene):
    """The node tree that renders of the scene use, or None."""
    used = scene.render.use_compositing and getattr(scene, "use_nodes", True)
    return tree_of(scene) if used else None


def drawn_scenes(scene):
    """The scenes that Render Layers nodes show, each once. Without a compositor, the scene itself."""
    tree = tree_in_use(scene)
    if tree is None:
        return [scene]
    nodes = [node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers" and not node.mute]
    return list(dict.fromkeys(node.scene or scene for node in nodes))
