"""Scenes that need files which are no pictures of a material: fonts, caches, lamps, geometry."""

import glob
import struct

import bpy

from kit import *  # noqa: F403


@feature("data-files")
def data_files():
    """A font, a mesh cache, a lamp's profile, a sequence that displaces, a sky."""
    scene, red = stage()
    letters(scene, own_font())
    write("cache/grow.pc2", growing(red))
    cached(red, "//cache/grow.pc2")
    displaced(cube(scene, "Displaced", (1, 0, 1), size=0.6), pngs("seq/h_%04d.png", range(1, 4)))
    surround(scene, png("sky.png", (60, 90, 250)))
    angles = "0 45 90\n0\n1000 400 0\n"
    write("lamp.ies", f"IESNA:LM-63-1995\nTILT=NONE\n1 1000 1 3 1 1 2 0 0 0\n1 1 100\n{angles}".encode())
    lamp(scene, "//lamp.ies")
    save()


def growing(item):
    """A PC2 file of three frames."""
    points = [vertex.co for vertex in item.data.vertices]
    head = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, len(points), 1, 1, 3)
    return head + b"".join(struct.pack("<3f", *(point * (1 + step / 2))) for step in range(3) for point in points)


def own_font():
    folders = [bpy.utils.system_resource("DATAFILES", path="fonts"), "/usr/share/fonts"]
    found = [path for folder in folders for path in glob.glob(folder + "/**/*.[tw][to]f*", recursive=True)]
    with open(sorted(found)[0], "rb") as file:
        write("fonts/own.ttf", file.read())
    made = bpy.data.fonts.load(os.path.abspath("fonts/own.ttf"))
    made.filepath = "//fonts/own.ttf"
    return made


def letters(scene, font):
    made = bpy.data.curves.new("Letters", "FONT")
    made.body, made.font = "Ag", font
    made.materials.append(glow("Ink", (1, 1, 0)))
    link(scene, "Letters", made, (-0.5, -1, 0)).rotation_euler = (1.5708, 0, 0)


def cached(item, path):
    modifier = item.modifiers.new("Cache", "MESH_CACHE")
    modifier.cache_format, modifier.filepath, modifier.frame_start = "PC2", path, 1


def lamp(scene, path):
    floor = grid(scene, "Floor", (0, 0, -1), 6)
    floor.data.materials[0] = dull("Dull", (0.8, 0.8, 0.8))
    light = bpy.data.lights.new("Lamp", "POINT")
    light.energy, light.use_nodes = 200, True
    tree = light.node_tree
    node = tree.nodes.new("ShaderNodeTexIES")
    node.mode, node.filepath = "EXTERNAL", path
    tree.links.new(node.outputs[0], tree.nodes["Emission"].inputs["Strength"])
    link(scene, "Lamp", light, (0, -2, 1))


def displaced(item, path):
    """A sequence in a texture of the old kind."""
    sheet = bpy.data.textures.new("Heights", "IMAGE")
    sheet.image = image(path, "SEQUENCE")
    sheet.image_user.frame_duration, sheet.image_user.frame_start = 3, 1
    sheet.image_user.use_auto_refresh = True
    modifier = item.modifiers.new("Displace", "DISPLACE")
    modifier.texture, modifier.texture_coords = sheet, "GLOBAL"


def surround(scene, path):
    tree = scene.world.node_tree
    node = tree.nodes.new("ShaderNodeTexEnvironment")
    node.image = image(path)
    tree.links.new(node.outputs[0], background(scene).inputs[0])


@feature("alembic")
def alembic():
    imported_alembic()
    save()


def imported_alembic():
    _, red = stage()
    activate(red)
    bpy.ops.wm.alembic_export(filepath=os.path.abspath("red.abc"), start=1, end=3, selected=True)
    bpy.data.objects.remove(red)
    bpy.ops.wm.alembic_import(filepath=os.path.abspath("red.abc"))
    bpy.data.cache_files[0].filepath = "//red.abc"


@feature("import-node")
def import_node():
    write("part.stl", STL)
    imported("//part.stl")
    save()


STL = b"""solid a
facet normal 0 -1 0
outer loop
vertex -1 0 -1
vertex 1 0 -1
vertex 0 0 1
endloop
endfacet
endsolid a
"""


def imported(path):
    _, red = stage(frames=(1, 2))

    def build(tree, geometry_in):
        node, paint = tree.nodes.new("GeometryNodeImportSTL"), tree.nodes.new("GeometryNodeSetMaterial")
        node.inputs[0].default_value = path
        paint.inputs["Material"].default_value = red.data.materials[0]
        tree.links.new(node.outputs[0], paint.inputs["Geometry"])
        return paint.outputs[0]

    geometry(red, build)
