"""Files that a frame needs and that Blender cannot find or read. Only files that change the rendered frame count.

Blender draws a missing texture pink and leaves out the content of a missing library. Few versions report it, and none in
the same way (https://projects.blender.org/blender/blender, intern/cycles/scene/image.cpp). This module checks the strips
and the compositor of each scene before it renders, and the render's dependency graph.
"""

import bpy
from cache_files import faults_of_bakes, faults_of_object, faults_of_points, reads_files
from compositor import tree_in_use
from drawn import Drawn
from image_files import faults_of_font, faults_of_volume
from lost_data import LostData
from strip_use import StripFaults, is_sequenced
from tree_files import TreeFiles


class MissingFiles:
    """Checks one frame after another. Facts that are the same for all frames are computed once."""

    def __init__(self):
        self.lost = LostData()
        # The real engine of a scene that another renderer prepares, by the scene's name.
        self.engines = {}
        self.trees = TreeFiles(self.engine_of)
        # Whether an object may read files, by the pointer of the original.
        self.readers = {}

    def engine_of(self, scene):
        return self.engines.get(scene.name, scene.render.engine)

    def of_scene(self, scene, frame):
        """Files of the scene's strips or compositor, before it renders. Also returns the scenes that these render, each
        with its frame."""
        if is_sequenced(scene):
            strips = StripFaults(lambda tree, at: self.trees.of_compositor(tree, at, scene)[0])
            strips.look(scene, frame)
            return strips.files, strips.scenes
        tree = tree_in_use(scene)
        if tree is None:
            return [], []
        files, scenes = self.trees.of_compositor(tree, frame, scene)
        return files, [(other, frame) for other in scenes if other != scene]

    def of_graph(self, depsgraph):
        """Files of the evaluated graph that the renderer draws; sorted, each once."""
        graph = Graph(depsgraph, self)
        for data in depsgraph.ids:
            graph.add(data, data.original)
        graph.add_drawn()
        return sorted(set(graph.files))


class Graph:
    def __init__(self, depsgraph, known):
        self.depsgraph = depsgraph
        self.scene = depsgraph.scene
        self.frame = depsgraph.scene_eval.frame_current
        self.known = known
        self.files = []
        # Missing files of materials and lights, by pointer.
        self.materials = {}
        self.lights = {}
        display = self.scene.display.shading
        self.has_nodes = known.engine_of(self.scene) != "BLENDER_WORKBENCH"
        self.has_textures = self.has_nodes or display.color_type == "TEXTURE"

    def add(self, data, original):
        lost = self.known.lost.text_of(original)
        if isinstance(original, bpy.types.Material):
            if lost or (original.node_tree and self.has_textures):
                self.add_material(original, lost)
        elif isinstance(original, (bpy.types.Image, bpy.types.Library)):
            # An image counts only if something shows it.
            return
        elif lost:
            self.files.append(lost)
        elif isinstance(original, bpy.types.Object):
            self.add_object(data, original)
        elif isinstance(original, bpy.types.Light):
            if original.node_tree and original.use_nodes and self.has_nodes:
                self.lights[original.as_pointer()] = self.tree_faults(original.node_tree)
        elif isinstance(original, bpy.types.World):
            if original.node_tree and original.use_nodes and self.has_nodes:
                self.files += self.tree_faults(original.node_tree)
        elif isinstance(original, bpy.types.FreestyleLineStyle):
            if original.node_tree and self.scene.render.use_freestyle:
                self.files += self.tree_faults(original.node_tree)
        elif isinstance(original, bpy.types.Volume):
            self.files += faults_of_volume(original, self.frame)
        elif isinstance(original, bpy.types.TextCurve):
            self.files += faults_of_font(original)
        elif isinstance(original, bpy.types.ParticleSettings):
            for slot in original.texture_slots:
                if slot and slot.texture:
                    self.files += self.texture_faults(slot.texture)
        elif isinstance(original, bpy.types.Scene):
            world = original.rigidbody_world
            if world and world.enabled:
                self.files += faults_of_points(world.point_cache, original, self.frame)

    def tree_faults(self, tree):
        return self.known.trees.of_shader(tree, self.depsgraph, self.frame)

    def texture_faults(self, texture):
        return self.known.trees.of_texture(texture.original, self.depsgraph, self.frame)

    def add_material(self, original, lost):
        texts = [lost] if lost else []
        tiled = []
        if not lost and getattr(original, "use_nodes", True):
            texts = self.known.trees.of_shader(original.node_tree, self.depsgraph, self.frame, tiled)
        pen = getattr(original, "grease_pencil", None)
        for image in (pen.fill_image, pen.stroke_image) if pen else ():
            if image:
                texts += self.known.trees.of_image(image, None, self.frame, self.scene)
        if texts or tiled:
            self.materials[original.as_pointer()] = (texts, tiled)

    def add_object(self, data, original):
        key = original.as_pointer()
        if key not in self.known.readers:
            self.known.readers[key] = reads_files(original)
        if not self.known.readers[key]:
            return
        self.files += faults_of_object(data, original, self.frame)
        if original.field and original.field.type == "TEXTURE" and original.field.texture:
            self.files += self.texture_faults(original.field.texture)
        for modifier in data.modifiers:
            if not modifier.show_render:
                continue
            for name in ("texture", "mask_texture"):
                texture = getattr(modifier, name, None)
                if isinstance(texture, bpy.types.Texture):
                    self.files += self.texture_faults(texture)
            if modifier.type == "NODES" and modifier.node_group:
                texts, live = self.known.trees.of_geometry(modifier, original, self.frame, self.scene)
                self.files += texts + faults_of_bakes(modifier, live, original, self.frame)

    def add_drawn(self):
        """Files of a material or light count only if a drawn object has it."""
        lights = {key for key, texts in self.lights.items() if texts}
        if not lights and not self.materials:
            return
        wanted = {key: {uv_map for _, uv_map, _ in tiled} for key, (_, tiled) in self.materials.items()}
        drawn = Drawn(self.depsgraph, wanted)
        for key in lights & drawn.lights:
            self.files += self.lights[key]
        for key in drawn.materials:
            texts, tiled = self.materials[key]
            self.files += texts
            for image, uv_map, faults in tiled:
                tiles = drawn.tiles.get((key, uv_map), {None})
                for number, text in faults:
                    if None in tiles or number in tiles:
                        self.files.append(text)
