"""What the scenes of `test/pixels` are made of: small, quick to render, the same in every Blender from 3.4 on.

A scene is a function with the decorator `feature("its-name")`. `build.py` calls it in a folder of its own, which is the
current folder, and it ends with `save()`.
"""

import os
import subprocess
import unicodedata
import zlib

import bpy

VERSION = bpy.app.version
FEATURES = {}


def feature(name):
    def register(make):
        FEATURES[name] = make
        return make

    return register


def eevee():
    return "BLENDER_EEVEE_NEXT" if (4, 2, 0) <= VERSION < (5, 0, 0) else "BLENDER_EEVEE"


def tune(scene, engine="CYCLES", frames=(1, 3), size=(48, 36)):
    """Small, and without what depends on the machine. Denoising is off: some Blenders are built without it."""
    render = scene.render
    render.engine = engine
    scene.cycles.samples, scene.cycles.seed = 2, 7
    scene.cycles.use_denoising = False
    scene.cycles.use_adaptive_sampling = False
    if hasattr(scene.eevee, "taa_render_samples"):
        scene.eevee.taa_render_samples = 4
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.fps = 24
    scene.frame_start, scene.frame_end = frames
    use_format(scene, "PNG")
    scene.render.image_settings.color_mode = "RGB"
    return scene


def begin(**settings):
    """An empty file with one scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.save_version = 0
    return tune(bpy.context.scene, **settings)


def stage(**settings):
    """A scene with a camera, a world and a cube "Red" that moves."""
    scene = begin(**settings)
    camera(scene)
    world(scene)
    red = cube(scene, "Red")
    slide(red, scene.frame_start, -1, scene.frame_end, 1)
    return scene, red


def use_format(scene, name):
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE" if name == "OPEN_EXR_MULTILAYER" else "IMAGE"
    settings.file_format = name


def link(scene, name, data, location=(0, 0, 0), collection=None):
    made = bpy.data.objects.new(name, data)
    made.location = location
    (collection or scene.collection).objects.link(made)
    return made


def camera(scene, location=(0, -6, 0), name="Camera"):
    made = link(scene, name, bpy.data.cameras.new(name), location)
    made.rotation_euler = (1.5708, 0, 0)
    scene.camera = scene.camera or made
    return made


def world(scene, colour=(0.1, 0.1, 0.3)):
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    background(scene).inputs[0].default_value = (*colour, 1)


def background(scene):
    return scene.world.node_tree.nodes["Background"]


def sun(scene):
    made = link(scene, "Sun", bpy.data.lights.new("Sun", "SUN"))
    made.rotation_euler, made.data.energy = (0.6, 0.3, 0), 3
    return made


def glow(name, colour):
    """A material that only shines, so that few samples show it without noise."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    nodes = made.node_tree.nodes
    nodes.clear()
    shader, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    shader.inputs["Color"].default_value = (*colour, 1)
    made.node_tree.links.new(shader.outputs[0], output.inputs["Surface"])
    return made


def dull(name, colour):
    """A material that needs light."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    made.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*colour, 1)
    return made


def cube_mesh(name, size=1.0):
    mesh = bpy.data.meshes.new(name)
    half = size / 2
    corners = [(x, y, z) for x in (-half, half) for y in (-half, half) for z in (-half, half)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh.from_pydata(corners, [], faces)
    mesh.uv_layers.new(name="UVMap")
    for polygon in mesh.polygons:
        for corner, uv in zip(polygon.loop_indices, ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))):
            mesh.uv_layers[0].data[corner].uv = uv
    return mesh


def cube(scene, name, location=(0, 0, 0), colour=(1, 0.05, 0.05), size=1.0, collection=None):
    mesh = cube_mesh(name, size)
    mesh.materials.append(glow(name, colour))
    return link(scene, name, mesh, location, collection)


def grid(scene, name, location=(0, 0, 0), size=2.0, steps=6, colour=(0.9, 0.6, 0.1)):
    mesh = bpy.data.meshes.new(name)
    across = [size * (index / steps - 0.5) for index in range(steps + 1)]
    points = [(x, y, 0) for y in across for x in across]
    row = steps + 1
    starts = [y * row + x for y in range(steps) for x in range(steps)]
    mesh.from_pydata(points, [], [(a, a + 1, a + row + 1, a + row) for a in starts])
    mesh.materials.append(dull(name, colour))
    return link(scene, name, mesh, location)


def slide(item, first, x_first, last, x_last):
    for frame, x in ((first, x_first), (last, x_last)):
        item.location.x = x
        item.keyframe_insert("location", index=0, frame=frame)


def activate(item):
    bpy.context.view_layer.objects.active = item
    item.select_set(True)


def image(path, source="FILE", name="Picture"):
    """An image of a file, which may be missing."""
    made = bpy.data.images.new(name, 4, 4)
    made.source, made.filepath = source, path
    return made


def texture(item, picture, linked=True, shader="Emission"):
    """An image node in the first material of an object."""
    tree = item.data.materials[0].node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = picture
    if linked:
        tree.links.new(node.outputs[0], tree.nodes[shader].inputs[0])
    return node


def png(path, colour=(40, 160, 60), size=8):
    """Writes a PNG: a square of one colour with a white corner."""
    chunk = lambda kind, data: (
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    )
    pixel = lambda x, y: b"\xff\xff\xff" if x < size // 2 and y < size // 2 else bytes(colour)
    rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(size)) for y in range(size))
    header = size.to_bytes(4, "big") * 2 + bytes((8, 2, 0, 0, 0))
    content = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    write(path, content)
    return "//" + path


def write(path, content):
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def pngs(pattern, numbers):
    """A sequence: each picture has a colour of its own. `pattern` has one `%` format."""
    for number in numbers:
        png(pattern % number, ((number * 70) % 256, (number * 110) % 256, 120))
    return "//" + pattern % numbers[0]


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments], check=True)


def clip(path, frames=12, *encoding):
    """Writes a movie of a moving test picture."""
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=48x36:rate=24", "-frames:v", str(frames), *encoding, path)
    return "//" + path


def nfd(name):
    return unicodedata.normalize("NFD", name)


def compositor(scene):
    """The scene's compositor tree, empty, and the node whose input 0 is the picture."""
    if VERSION >= (5, 0, 0):
        tree = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
        scene.compositing_node_group = tree
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        return tree, tree.nodes.new("NodeGroupOutput")
    scene.use_nodes = True
    scene.node_tree.nodes.clear()
    return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite")


def layers_node(tree, scene=None, layer=None):
    node = tree.nodes.new("CompositorNodeRLayers")
    if scene:
        node.scene = scene
    if layer:
        node.layer = layer
    return node


def inverted(tree, source):
    """The output of a node that inverts `source`."""
    node = tree.nodes.new("CompositorNodeInvert")
    tree.links.new(source, node.inputs["Color"])
    return node.outputs[0]


def mixed(tree, one, other):
    """Half of each."""
    node = tree.nodes.new("ShaderNodeMix" if VERSION >= (5, 0, 0) else "CompositorNodeMixRGB")
    if VERSION >= (5, 0, 0):
        node.data_type = "RGBA"
        inputs = [socket for socket in node.inputs if socket.type == "RGBA"]
        output = next(socket for socket in node.outputs if socket.type == "RGBA")
    else:
        inputs, output = [node.inputs[1], node.inputs[2]], node.outputs[0]
    tree.links.new(one, inputs[0])
    tree.links.new(other, inputs[1])
    return output


def geometry(item, build):
    """A modifier of geometry nodes; `build(tree, input socket)` gives the socket with the result."""
    tree = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
    if VERSION >= (4, 0, 0):
        for side in ("INPUT", "OUTPUT"):
            tree.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
    else:
        tree.inputs.new("NodeSocketGeometry", "Geometry")
        tree.outputs.new("NodeSocketGeometry", "Geometry")
    start, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    tree.links.new(build(tree, start.outputs[0]), end.inputs[0])
    modifier = item.modifiers.new("Nodes", "NODES")
    modifier.node_group = tree
    return modifier


def strips(scene):
    scene.sequence_editor_create()
    editor = scene.sequence_editor
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def effect(editor, name, kind, channel, first, length, **more):
    """A strip of `length` frames that needs no file."""
    last = {"length": length} if VERSION >= (5, 0, 0) else {"frame_end": first + length}
    return editor.new_effect(name, kind, channel, first, **last, **more)


def show_scene(scene):
    """Makes it the file's active scene."""
    if bpy.context.window:
        bpy.context.window.scene = scene


def save(path="scene.blend"):
    bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath(path), compress=False, relative_remap=False)
