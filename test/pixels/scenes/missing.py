"""Scenes that need a file which is missing or damaged."""

import shutil

import bpy

import data_files
import files
from kit import *  # noqa: F403
from simulations import LENGTH, disk_cache


def with_texture(path):
    _, red = stage(frames=(1, 2))
    texture(red, image(path))
    save()


@feature("image-missing")
def image_missing():
    with_texture("//tex/gone.png")


@feature("name-decomposed")
def name_decomposed():
    """Letters that are composed in the scene and decomposed on the disk: for Blender on Linux they differ."""
    png("tex/" + nfd("café.png"))
    with_texture("//tex/café.png")


@feature("image-empty")
def image_empty():
    write("empty.png", b"")
    with_texture("//empty.png")


@feature("image-truncated")
def image_truncated():
    """Less than the head of a picture: of more, Blender shows what its memory happens to hold."""
    png("whole.png", size=64)
    with open("whole.png", "rb") as file:
        write("cut.png", file.read()[:30])
    with_texture("//cut.png")


@feature("image-sequence-gap")
def image_sequence_gap():
    _, red = stage()
    files.played(red, "seq/f_%04d.png", range(1, 4)).use_auto_refresh = True
    os.remove("seq/f_0002.png")
    save()


@feature("udim-tile-missing")
def udim_tile_missing():
    _, red = stage(frames=(1, 2))
    files.tiled(red, "<UDIM>", (1001, 1002))
    os.remove("tiles/t.1002.png")
    save()


@feature("mesh-cache-missing")
def mesh_cache_missing():
    _, red = stage(frames=(1, 2))
    data_files.cached(red, "//cache/gone.pc2")
    save()


@feature("disk-cache-missing")
def disk_cache_missing():
    disk_cache()
    shutil.rmtree("blendcache_scene")


@feature("disk-cache-partial")
def disk_cache_partial():
    """Without the last half."""
    disk_cache()
    for name in sorted(os.listdir("blendcache_scene"))[LENGTH[1] // 2 :]:
        os.remove(os.path.join("blendcache_scene", name))


@feature("volume-missing")
def volume_missing():
    scene, _ = stage(frames=(1, 2))
    smoke = bpy.data.volumes.new("Smoke")
    smoke.filepath = "//vdb/gone.vdb"
    link(scene, "Smoke", smoke)
    save()


@feature("ies-missing")
def ies_missing():
    scene, _ = stage(frames=(1, 2))
    data_files.lamp(scene, "//gone.ies")
    save()


@feature("font-missing")
def font_missing():
    scene, _ = stage(frames=(1, 2))
    data_files.letters(scene, data_files.own_font())
    shutil.rmtree("fonts")
    save()


@feature("texture-sequence-gap")
def texture_sequence_gap():
    _, red = stage()
    data_files.displaced(red, pngs("seq/h_%04d.png", range(1, 4)))
    os.remove("seq/h_0002.png")
    save()


@feature("alembic-missing")
def alembic_missing():
    data_files.imported_alembic()
    os.remove("red.abc")
    save()


@feature("import-node-missing")
def import_node_missing():
    data_files.imported("//gone.stl")
    save()


@feature("compositor-image-missing")
def compositor_image_missing():
    scene, _ = stage(frames=(1, 2))
    tree, output = compositor(scene)
    node = tree.nodes.new("CompositorNodeImage")
    node.image = image("//gone.png")
    tree.links.new(mixed(tree, layers_node(tree).outputs["Image"], node.outputs[0]), output.inputs[0])
    save()


@feature("nodes-bake-missing")
def nodes_bake_missing():
    """A Bake node of geometry nodes whose folder is missing."""
    _, red = stage(frames=(1, 2))

    def build(tree, geometry_in):
        node = tree.nodes.new("GeometryNodeBake")
        if len(node.bake_items) == 0:
            # In Blender 5 a new node has no items.
            node.bake_items.new("GEOMETRY", "Geometry")
        tree.links.new(geometry_in, node.inputs[0])
        return node.outputs[0]

    modifier = geometry(red, build)
    activate(red)
    save()
    modifier.bake_directory = "//bake"
    modifier.bake_target = "DISK"
    bpy.context.view_layer.update()
    bpy.ops.object.geometry_node_bake_single(
        session_uid=red.session_uid, modifier_name=modifier.name, bake_id=modifier.bakes[0].bake_id
    )
    save()
    shutil.rmtree("bake")


@feature("engine-unknown")
def engine_unknown():
    """Saved with the engine of an add-on that Blender does not have here."""

    class Elsewhere(bpy.types.RenderEngine):
        bl_idname = "ELSEWHERE"
        bl_label = "Elsewhere"

    bpy.utils.register_class(Elsewhere)
    scene, _ = stage(frames=(1, 2))
    scene.render.engine = "ELSEWHERE"
    save()
    scene.render.engine = "CYCLES"
    bpy.utils.unregister_class(Elsewhere)


@feature("camera-missing")
def camera_missing():
    scene, _ = stage(frames=(1, 2))
    scene.camera = None
    save()
