"""Faults of the files that the live nodes of a tree read for one frame."""

import os
import re

import bpy
from image_files import (
    faults_at,
    faults_of_clip,
    faults_of_data,
    faults_of_image,
    numbered,
    place_of,
    sequence_number,
    tile_path,
)
from node_use import Live, value_of

SHADER_READERS = {"ShaderNodeTexImage", "ShaderNodeTexEnvironment", "ShaderNodeTexIES", "ShaderNodeScript"}
CLIP_NODES = {"CompositorNodeMovieClip", "CompositorNodeKeyingScreen"}
GEOMETRY_IMPORT = "GeometryNodeImport"
# Words in Blender's warning about a node that could not read a file with a computed path.
WARNING = re.compile(r"file|path|import|open|read|load", re.I)


class TreeFiles:
    def __init__(self, engine_of):
        self.engine_of = engine_of
        # Live nodes by the pointer of a tree and the target. Trees do not change.
        self.known = {}

    def live(self, tree, target=None, ends=None):
        key = (tree.as_pointer(), target)
        if key not in self.known:
            self.known[key] = Live(tree, ends and ends()).nodes
        return self.known[key]

    def of_shader(self, tree, depsgraph, frame, tiled=None):
        """Appends faults that depend on UDIM tiles to `tiled`: (image, UV map, pairs of tile number and text)."""
        scene = depsgraph.scene
        engine = self.engine_of(scene)
        target = "CYCLES" if engine == "CYCLES" else "EEVEE" if "EEVEE" in engine else "ALL"
        files = []
        for place, node in self.live(tree, target, lambda: [tree.get_output_node(target)]):
            kind = node.bl_idname
            if kind == "ShaderNodeTexIES" and node.mode == "EXTERNAL":
                files += faults_at(node.filepath, library_of(place))
            elif kind == "ShaderNodeScript":
                open_shading = engine == "CYCLES" and scene.cycles.shading_system
                if open_shading and node.mode == "EXTERNAL" and not node.bytecode_hash:
                    files += faults_at(node.filepath, library_of(place))
            elif kind in SHADER_READERS and node.image:
                self.shader_image(place, node, depsgraph, frame, files, tiled)
        return files

    def shader_image(self, place, node, depsgraph, frame, files, tiled):
        image, user = node.image, node.image_user
        if image.source == "TILED" and tiled is not None and not image.packed_files:
            uv_map = uv_map_of(place, node)
            faults = [
                (tile.number, text)
                for tile in image.tiles
                for text in faults_at(tile_path(image.filepath, tile.number), image.library)
            ]
            if uv_map is not None:
                if faults:
                    tiled.append((image, uv_map, faults))
                return
        if image.source == "SEQUENCE":
            evaluated = place.tree.evaluated_get(depsgraph).nodes.get(node.name)
            user = evaluated.image_user if evaluated else user
        files += self.of_image(image, user, frame, depsgraph.scene)

    def of_image(self, image, user, frame, scene):
        fixed = image.source == "SEQUENCE" and user and not user.use_auto_refresh
        # Cycles nevertheless reads the image of each frame.
        if fixed and self.engine_of(scene) != "CYCLES" and hasattr(user, "frame_current"):
            return faults_at(numbered(image.filepath, user.frame_current), image.library)
        return faults_of_image(image, user, frame, scene)

    def of_texture(self, texture, depsgraph, frame):
        scene = depsgraph.scene
        if not texture.use_nodes or not texture.node_tree:
            if texture.type != "IMAGE" or not texture.image:
                return []
            return self.of_image(texture.image, texture.image_user, frame, scene)
        tree = texture.node_tree
        ends = [node for node in tree.nodes if node.bl_idname == "TextureNodeOutput"]
        nodes = self.live(tree, "TEXTURE", lambda: ends)
        images = [node for _, node in nodes if node.bl_idname == "TextureNodeImage" and node.image]
        return [text for node in images for text in self.of_image(node.image, node.image_user, frame, scene)]

    def of_compositor(self, tree, frame, scene):
        """Also returns the scenes whose render layers it shows."""
        files, scenes = [], []
        for _, node in self.live(tree, "COMPOSITOR"):
            kind = getattr(node, "bl_idname", "")
            if kind == "CompositorNodeRLayers" and node.scene:
                scenes.append(node.scene)
            elif kind in CLIP_NODES and node.clip:
                files += faults_of_clip(node.clip, frame)
            elif kind == "CompositorNodeCryptomatteV2" and node.source == "RENDER":
                continue
            elif kind.startswith("Compositor") and isinstance(getattr(node, "image", None), bpy.types.Image):
                files += self.of_image(node.image, node, frame, scene)
            files += self.of_sockets(node, frame, scene)
        return files, scenes

    def of_sockets(self, node, frame, scene):
        """Faults of images in the sockets themselves."""
        files = []
        for socket in getattr(node, "inputs", ()):
            image = socket.default_value if socket.type == "IMAGE" and not socket.is_linked else None
            if image and socket.enabled:
                files += self.of_image(image, None, frame, scene)
        return files

    def of_geometry(self, modifier, owner, frame, scene):
        """Also returns the names of the live nodes."""
        files, names, is_computed = [], set(), False
        for place, node in self.live(modifier.node_group.original, "GEOMETRY"):
            if isinstance(node, bpy.types.NodeSocket):
                # An input that the modifier sets.
                value = input_of(modifier, node)
                if isinstance(value, bpy.types.Image):
                    files += self.of_image(value.original, None, frame, scene)
                continue
            names.add(node.name)
            if node.bl_idname.startswith(GEOMETRY_IMPORT):
                path = value_of(place, node.inputs[0])
                library = library_of(place)
                if isinstance(path, bpy.types.NodeSocket):
                    path, library = input_of(modifier, path), owner.library
                if isinstance(path, str):
                    files += faults_at(path, library)
                else:
                    is_computed = True
            elif isinstance(getattr(node, "image", None), bpy.types.Image):
                files += self.of_image(node.image, None, frame, scene)
            elif isinstance(getattr(node, "font", None), bpy.types.VectorFont):
                files += faults_of_data(node.font)
            files += self.of_sequence(place, node, frame, scene)
        if is_computed:
            # The original object has the warnings.
            for warning in getattr(owner.modifiers[modifier.name], "node_warnings", ()):
                if warning.type == "ERROR" and WARNING.search(warning.message):
                    files.append(f"{owner.name}: {warning.message}")
        return files, names

    def of_sequence(self, place, node, frame, scene):
        """An image texture of geometry nodes has a socket for its frame."""
        if node.bl_idname != "GeometryNodeImageTexture":
            return self.of_sockets(node, frame, scene)
        image = value_of(place, node.inputs["Image"])
        if not isinstance(image, bpy.types.Image) or image.source != "SEQUENCE":
            return self.of_sockets(node, frame, scene)
        number = value_of(place, node.inputs["Frame"])
        return faults_at(numbered(image.filepath, number), image.library) if isinstance(number, int) else []


def library_of(place):
    """The library of the data block that contains the paths of a tree."""
    return place.tree.id_data.library


def input_of(modifier, socket):
    """The value that a modifier gives to an input of its tree. Blender 5.2 stores it in another place."""
    for read in (
        lambda: modifier.properties.inputs[socket.identifier]["value"],
        lambda: modifier[socket.identifier],
    ):
        try:
            return read()
        except (KeyError, TypeError, AttributeError):
            continue
    return None


def uv_map_of(place, node):
    """The name of a texture's UV map, or "" for the default one. None if other nodes change the coordinates."""
    sources = place.links.get(node.inputs["Vector"].as_pointer(), ())
    for _ in range(16):
        if not sources:
            return ""
        source = sources[0]
        other = source.node
        if other.bl_idname == "NodeReroute":
            sources = place.links.get(other.inputs[0].as_pointer(), ())
            if not sources:
                return None
        elif other.bl_idname == "ShaderNodeUVMap" and not other.from_instancer and not other.mute:
            return other.uv_map
        elif other.bl_idname == "ShaderNodeTexCoord" and source.name == "UV" and not other.from_instancer:
            return None if other.mute else ""
        else:
            return None
    return None
