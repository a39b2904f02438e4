"""Simulations without a bake: a frame needs all the frames before it."""

import bpy

from kit import *  # noqa: F403

LENGTH = (1, 8)


def falling(name="Red"):
    scene = begin(frames=LENGTH)
    camera(scene)
    world(scene)
    return scene, cube(scene, name, (0, 0, 1.2), size=0.8)


@feature("rigid-body")
def rigid_body():
    scene, red = falling()
    activate(red)
    bpy.ops.rigidbody.world_add()
    bpy.ops.rigidbody.object_add()
    save()


@feature("cloth")
def cloth():
    _, red = falling()
    red.modifiers.new("Cloth", "CLOTH")
    save()


@feature("soft-body")
def soft_body():
    _, red = falling()
    red.modifiers.new("Soft", "SOFT_BODY").settings.use_goal = False
    save()


@feature("particles")
def particles():
    scene, red = falling()
    bit = cube(scene, "Bit", (0, 50, 0), (0, 1, 0), 0.3)
    red.modifiers.new("Particles", "PARTICLE_SYSTEM")
    settings = red.particle_systems[0].settings
    settings.count, settings.frame_start, settings.frame_end = 40, 1, 6
    settings.render_type, settings.instance_object, settings.particle_size = "OBJECT", bit, 1
    save()


@feature("dynamic-paint")
def dynamic_paint():
    """Waves: each frame follows from the one before."""
    scene = begin(frames=LENGTH)
    camera(scene, (0, -4, 3)).rotation_euler = (0.9, 0, 0)
    world(scene)
    sun(scene)
    sheet, brush = grid(scene, "Sheet", steps=12, size=3), cube(scene, "Brush", size=0.6)
    slide(brush, 1, -1, 8, 1)
    for item, kind in ((sheet, "CANVAS"), (brush, "BRUSH")):
        activate(item)
        item.modifiers.new("Paint", "DYNAMIC_PAINT").ui_type = kind
        bpy.ops.dpaint.type_toggle(type=kind)
    surface = sheet.modifiers[0].canvas_settings.canvas_surfaces[0]
    surface.surface_type = "WAVE"
    save()


@feature("simulation-zone")
def simulation_zone():
    """Geometry nodes that move a cube a little farther in each frame."""
    _, red = falling()

    def build(tree, geometry_in):
        start = tree.nodes.new("GeometryNodeSimulationInput")
        end = tree.nodes.new("GeometryNodeSimulationOutput")
        start.pair_with_output(end)
        move = tree.nodes.new("GeometryNodeTransform")
        move.inputs["Translation"].default_value = (0, 0, -0.25)
        tree.links.new(geometry_in, start.inputs["Geometry"])
        tree.links.new(start.outputs["Geometry"], move.inputs["Geometry"])
        tree.links.new(move.outputs[0], end.inputs["Geometry"])
        return end.outputs["Geometry"]

    geometry(red, build)
    save()


@feature("simulation-step")
def simulation_step():
    """Every second frame only: those between are stepped and not rendered."""
    scene, red = falling()
    red.modifiers.new("Cloth", "CLOTH")
    scene.frame_step = 3
    save()


@feature("simulation-played")
def simulation_played():
    """Played in Blender before it was saved: the cache in memory goes into the file."""
    scene, red = falling()
    red.modifiers.new("Cloth", "CLOTH")
    for frame in range(1, 6):
        scene.frame_set(frame)
    scene.frame_set(1)
    save()


@feature("disk-cache")
def disk_cache():
    scene, red = falling()
    red.modifiers.new("Cloth", "CLOTH")
    on_disk(scene, red)


def on_disk(scene, red):
    """A disk cache is beside the file, so the file must be saved first."""
    save()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene = bpy.context.scene
    cache = bpy.data.objects["Red"].modifiers["Cloth"].point_cache
    cache.use_disk_cache = True
    bake(scene, cache)
    save()


def bake(scene, cache):
    cache.frame_start, cache.frame_end = LENGTH
    with bpy.context.temp_override(scene=scene, point_cache=cache):
        bpy.ops.ptcache.bake(bake=True)
