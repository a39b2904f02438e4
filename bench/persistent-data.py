"""Makes a scene for `bench/persistent-data.ts`: a set of subdivided heads and instances, 48 frames, and a moving camera.

Arguments after `--`: what moves (`camera`, `objects` or `everything`), the levels of subdivision, and the file to save.
"""

import sys

import bpy

MOVES, LEVELS, PATH = sys.argv[-3:]
SIDE = 3
FRAMES = 48

bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
render = scene.render
render.engine = "CYCLES"
scene.cycles.device, scene.cycles.samples = "CPU", 4
scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
render.resolution_x, render.resolution_y, render.resolution_percentage = 240, 136, 100
render.image_settings.file_format = "PNG"
render.fps = 24
scene.frame_start, scene.frame_end = 1, FRAMES

material = bpy.data.materials.new("Clay")
material.use_nodes = True
material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.6, 0.4, 0.3, 1)


def link(name, data):
    made = bpy.data.objects.new(name, data)
    scene.collection.objects.link(made)
    return made


def slide(thing, axis, by):
    thing.keyframe_insert("location", frame=1)
    thing.location[axis] += by
    thing.keyframe_insert("location", frame=FRAMES)


def wave(thing):
    made = thing.modifiers.new("Wave", "WAVE")
    made.height, made.width, made.narrowness, made.time_offset = 0.2, 0.5, 3, -20


scene.world = bpy.data.worlds.new("World")
scene.world.color = (0.3, 0.35, 0.4)
camera = link("Camera", bpy.data.cameras.new("Camera"))
camera.location, camera.rotation_euler = (12, -12, 8), (1.05, 0, 0.785)
scene.camera = camera
slide(camera, 0, -3)
sun = link("Sun", bpy.data.lights.new("Sun", "SUN"))
sun.data.energy, sun.rotation_euler = 3, (0.6, 0.2, 0)

bpy.ops.mesh.primitive_plane_add(size=40)
bpy.context.object.data.materials.append(material)
heads = []
for i in range(SIDE * SIDE):
    bpy.ops.mesh.primitive_monkey_add(location=(i % SIDE * 3 - 3, i // SIDE * 3 - 3, 1), rotation=(0, 0, i * 0.3))
    head = bpy.context.object
    head.data.materials.append(material)
    if MOVES == "everything":
        wave(head)
    smooth = head.modifiers.new("Smooth", "SUBSURF")
    smooth.levels, smooth.render_levels = 1, int(LEVELS)
    heads.append(head)
# Instances share the geometry of a head.
for i in range(20):
    link(f"Copy {i}", heads[i % len(heads)].data).location = (i % 10 * 2 - 10, 8 + i // 10 * 2, 1)
if MOVES == "objects":
    slide(heads[0], 2, 2)
    slide(heads[1], 2, 1)
    heads[2].modifiers.clear()
    wave(heads[2])
    smooth = heads[2].modifiers.new("Smooth", "SUBSURF")
    smooth.levels, smooth.render_levels = 1, int(LEVELS)
bpy.ops.wm.save_as_mainfile(filepath=PATH, compress=True)
