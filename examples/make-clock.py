"""Make clock.blend, Spotreel's example scene, and clock.json, which says what to measure in it.

    blender -b --factory-startup --python examples/make-clock.py -- examples/clock.blend

The camera looks straight down at the XY plane. At z = 0 one unit is 100 pixels of the frame,
so the layout is in pixels from the top left corner, as a test measures it. Few samples are
enough because nothing is left to chance: one key light, no bounces, every other light faked.
"""

import json
import sys
from math import cos, pi, radians, sin, tau
from pathlib import Path

import bmesh
import bpy

sys.path.insert(0, str(Path(__file__).parent))  # Blender leaves it out
from clock_materials import BLACK, Shader, beads, bokeh, flat, matte  # noqa: E402

WIDTH, HEIGHT, PIXELS_PER_UNIT = 640, 360, 100
FRAMES, FPS, SAMPLES = 72, 24, 6
LENS_MM, SENSOR_MM = 60, 36

# Colours are written as sRGB, the way they come out in the PNG.
NAVY, PLUM, EMBER, HALO = "0d1733", "2a2250", "7a3b52", "7a4038"
CREAM, CORAL, GOLD, TEAL, INK = "f6ead7", "f2644b", "f7b955", "2f9c95", "1b2748"
MIST, LINE, TRACK, UNLIT, SPARK = "9aa3c7", "8f8aa0", "46406f", "33406b", "fff0c2"
DUSK = ((0, EMBER), (0.45, PLUM), (1, NAVY))  # behind everything, bottom to top

# Levels 32 and 224, not 0 and 255: a wrong YUV matrix shows where nothing is clipped.
PATCHES = {
    "red": (224, 32, 32), "yellow": (224, 224, 32), "green": (32, 224, 32),
    "cyan": (32, 224, 224), "blue": (32, 32, 224), "magenta": (224, 32, 224),
    "white": (255, 255, 255), "grey": (128, 128, 128), "black": (0, 0, 0),
}
PATCH_LEFT, PATCH_TOP, PATCH_WIDTH, PATCH_HEIGHT, PATCH_PITCH = 36, 304, 56, 32, 64
PATCH_INSET = 4  # tests stay clear of the pixel filter and of halved chroma at the edges

DIAL_X, DIAL_Y, DIAL_TILT, HALO_RADIUS = 172, 154, (radians(-9), radians(15), 0), 300
TEXT_LEFT, TEXT_RIGHT, HEADING_BASELINE = 342, 604, 62
DIGIT_WIDTH, DIGIT_SIZE, DIGIT_BASELINE, BAR_TOP = 88, 178, 205, 232
BOKEH = (  # x, y, radius, colour, rise
    (652, 112, 42, TEAL, 10), (512, 22, 20, CORAL, -8), (330, 26, 16, GOLD, 8),
    (36, 40, 28, TEAL, -8), (312, 264, 34, CORAL, 10), (356, 290, 15, GOLD, -8),
    (640, 286, 32, CORAL, -10), (578, 284, 15, GOLD, 7), (8, 262, 42, CORAL, 9),
    (64, 284, 14, GOLD, -7), (470, 274, 24, TEAL, 8),
)  # fmt: skip


def place(x, y, z=0.0):
    """The point of space seen at pixel (x, y) of the frame, exact for z = 0."""
    return ((x - WIDTH / 2) / PIXELS_PER_UNIT, (HEIGHT / 2 - y) / PIXELS_PER_UNIT, z)


def animate(thing, path, values, interpolation="LINEAR"):
    """Key values at even steps, from frame 0 so that the last frame closes the loop."""
    for i, value in enumerate(values):
        setattr(thing, path, value)
        thing.keyframe_insert(path, frame=i * FRAMES / (len(values) - 1))
    for curve in thing.id_data.animation_data.action.fcurves:
        for key in curve.keyframe_points:
            key.interpolation, key.easing = interpolation, "EASE_IN_OUT"


def turn(thing, turns):
    """Turn clockwise, as the camera sees it, so many times in the whole film."""
    animate(thing, "rotation_euler", ((0, 0, 0), (0, 0, -tau * turns)))


def show_only(thing, is_shown):
    """Switch a thing on and off by frame: a property that needs no driver and no script."""
    for frame in range(FRAMES + 1):
        if frame == 0 or is_shown(frame) != is_shown(frame - 1):
            for path in ("hide_render", "hide_viewport"):
                setattr(thing, path, not is_shown(frame))
                thing.keyframe_insert(path, frame=frame)


def add_object(name, data, material=None, location=(0, 0, 0), parent=None, shadow=False):
    thing = bpy.data.objects.new(name, data)
    thing.location, thing.parent = location, parent
    thing.visible_shadow, thing.visible_diffuse = shadow, False  # the key light alone counts
    if material:
        data.materials.append(material)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def polygons(name, corners, faces, smooth=False):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    mesh.polygons.foreach_set("use_smooth", [smooth] * len(faces))
    return mesh


def add_rectangle(name, srgb, x, y, width, height, z=0.0):
    w, h = width / PIXELS_PER_UNIT, height / PIXELS_PER_UNIT
    mesh = polygons(name, [(0, -h, 0), (w, -h, 0), (w, 0, 0), (0, 0, 0)], [(0, 1, 2, 3)])
    return add_object(name, mesh, flat(name, srgb), place(x, y, z))


def add_text(name, body, material, x, y, size, align="LEFT", spacing=1.0):
    """A line of text whose baseline starts, is centred or ends at pixel (x, y)."""
    text = bpy.data.curves.new(name, "FONT")
    text.body, text.align_x, text.space_character = body, align, spacing
    text.size = size / PIXELS_PER_UNIT
    return add_object(name, text, material, place(x, y))


def add_ball(name, radius, material, location, parent, roundness=3):
    mesh, shape = bpy.data.meshes.new(name), bmesh.new()
    bmesh.ops.create_icosphere(shape, subdivisions=roundness, radius=radius)
    shape.to_mesh(mesh)
    shape.free()
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    return add_object(name, mesh, material, location, parent, shadow=True)


def add_turned(name, profile, material, parent, shadow, segments=96):
    """Turn a profile of (radius, z) points about the z axis, as on a lathe."""
    angles, rows = [tau * s / segments for s in range(segments)], len(profile)
    corners = [(r * cos(a), r * sin(a), z) for a in angles for r, z in profile]
    faces = []
    for here in range(0, len(corners), rows):
        there = (here + rows) % len(corners)
        faces += [(here + i, there + i, there + i + 1, here + i + 1) for i in range(rows - 1)]
    mesh = polygons(name, corners, faces, smooth=True)
    return add_object(name, mesh, material, parent=parent, shadow=shadow)


def add_disc(name, radius, bottom, top, material, parent, shadow, bevel=0.03):
    edge = [(radius - bevel * (1 - cos(a)), top - bevel * (1 - sin(a)))
            for a in (0, pi / 6, pi / 3, pi / 2)]
    return add_turned(name, [(radius, bottom), *edge, (0, top)], material, parent, shadow)


def add_hand(material, parent):
    """The second hand: a bar that tapers to its tip, with a counterweight."""
    outline = [(-0.05, -0.3), (0.05, -0.3), (0.016, 1.02), (-0.016, 1.02)]
    corners = [(x, y, z) for z in (0.45, 0.49) for x, y in outline]
    sides = [(i, (i + 1) % 4, (i + 1) % 4 + 4, i + 4) for i in range(4)]
    mesh = polygons("Hand", corners, [(3, 2, 1, 0), (4, 5, 6, 7), *sides])
    turn(add_object("Hand", mesh, material, parent=parent, shadow=True), FRAMES / FPS)


def add_dial():
    dial = add_object("Dial", None, location=place(DIAL_X, DIAL_Y))
    dial.rotation_euler = DIAL_TILT
    ink, gold, coral = matte("Ink", INK), matte("Gold", GOLD), matte("Coral", CORAL)
    line = flat("Line", LINE)
    lights, turns = beads("Beads", FPS, ((0, UNLIT), (0.55, CORAL), (0.95, SPARK)))
    animate(turns, "default_value", (0, FRAMES / FPS))
    # The bezel and its rim have nothing to throw a shadow on, and testing for it is slow.
    add_disc("Bezel", 1.26, -0.1, 0.1, ink, dial, shadow=False)
    add_disc("Face", 0.97, 0, 0.16, matte("Cream", CREAM), dial, shadow=True)
    wire = [pi * (i / 4 - 0.25) for i in range(7)]  # the back of it is never seen
    profile = [(1.24 + 0.025 * cos(a), 0.1 + 0.025 * sin(a)) for a in wire]
    add_turned("Rim", profile, gold, dial, shadow=False)
    for number in range(FPS):  # one bead a frame, larger at the quarters
        angle, size = tau * number / FPS, 0.032 if number % 6 else 0.046
        location = (1.105 * sin(angle), 1.105 * cos(angle), 0.13)
        add_ball(f"Bead {number:02}", size, lights, location, dial, 2).pass_index = number

    add_hand(coral, dial)
    add_ball("Sun", 0.17, gold, (0, 0, 0.47), dial)
    planets = {}
    for name, orbit, size, material, turns in (
        ("Earth", 0.66, 0.12, matte("Teal", TEAL), 1),
        ("Mars", 0.38, 0.065, coral, 2),
    ):
        ring = [(orbit + 0.008, 0.162), (orbit - 0.008, 0.162)]
        add_turned(f"{name} orbit", ring, line, dial, shadow=False)
        year = add_object(f"{name} year", None, parent=dial)
        turn(year, turns)
        planets[name] = add_ball(name, size, material, (0, orbit, 0.3), year)
    turn(planets["Earth"], FRAMES / FPS)
    add_ball("Moon", 0.045, ink, (0.2, 0, 0), planets["Earth"])


def add_words():
    cream, mist = flat("Cream light", CREAM), flat("Mist", MIST)
    gold = flat("Gold light", GOLD)
    add_text("Frame", "FRAME", gold, TEXT_LEFT, HEADING_BASELINE, 24, spacing=1.35)
    add_text("Rate", f"{FPS} FPS", mist, TEXT_RIGHT, HEADING_BASELINE, 16, "RIGHT", 1.2)
    for column, power in enumerate((100, 10, 1)):
        x = TEXT_LEFT + (column + 0.5) * DIGIT_WIDTH
        for digit in sorted({frame // power % 10 for frame in range(FRAMES + 1)}):
            name = f"Frame {power}s {digit}"
            shape = add_text(name, str(digit), cream, x, DIGIT_BASELINE, DIGIT_SIZE, "CENTER")
            show_only(shape, lambda frame: frame // power % 10 == digit)

    width = TEXT_RIGHT - TEXT_LEFT
    add_rectangle("Track", TRACK, TEXT_LEFT, BAR_TOP, width, 5)
    bar = add_rectangle("Bar", CORAL, TEXT_LEFT, BAR_TOP, width, 5, z=0.001)
    animate(bar, "scale", ((0, 1, 1), (1, 1, 1)))
    for second in range(1, FRAMES // FPS + 1):
        x = TEXT_LEFT + width * second * FPS / FRAMES
        add_text(f"Second {second}", f"{second} s", mist, x, BAR_TOP + 24, 16, "RIGHT")


def add_patches():
    """Make the strip of flat colours. Return the areas inside them, for clock.json."""
    measures = []
    for i, (name, srgb) in enumerate(PATCHES.items()):
        x = PATCH_LEFT + i * PATCH_PITCH
        add_rectangle(f"Patch {name}", srgb, x, PATCH_TOP, PATCH_WIDTH, PATCH_HEIGHT)
        measures.append({
            "name": name, "rgb": srgb, "x": x + PATCH_INSET, "y": PATCH_TOP + PATCH_INSET,
            "width": PATCH_WIDTH - 2 * PATCH_INSET, "height": PATCH_HEIGHT - 2 * PATCH_INSET,
        })  # fmt: skip
    return measures


def add_background():
    """Dusk and a halo behind the dial, as the world's colour: no surface renders faster."""
    world = bpy.context.scene.world = bpy.data.worlds.new("Dusk")
    world.use_nodes = True
    world.cycles_visibility.diffuse, world.cycles.sampling_method = False, "NONE"
    shader = Shader(world.node_tree)
    window = shader("TexCoord", out="Window")
    to_dial = shader("Mapping", window)
    corner, size = (-DIAL_X, DIAL_Y - HEIGHT, 0), (WIDTH, HEIGHT, 0)
    to_dial.node.inputs["Location"].default_value = [v / HALO_RADIUS for v in corner]
    to_dial.node.inputs["Scale"].default_value = [v / HALO_RADIUS for v in size]
    dusk = shader.ramp(shader("SeparateXYZ", window, out="Y"), DUSK)
    halo = shader.radial_ramp(to_dial, ((0, BLACK), (1, HALO)))
    background = world.node_tree.nodes["Background"]
    world.node_tree.links.new(shader("VectorMath", dusk, halo), background.inputs["Color"])

    materials = {srgb: bokeh(f"Bokeh {srgb}", srgb) for srgb in (CORAL, GOLD, TEAL)}
    for i, (x, y, radius, srgb, rise) in enumerate(BOKEH):
        square = [(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]
        mesh = polygons("Bokeh", square, [(0, 1, 2, 3)])
        disc = add_object(f"Bokeh {i}", mesh, materials[srgb])
        disc.scale = (radius / PIXELS_PER_UNIT, radius / PIXELS_PER_UNIT, 1)
        rest, top = place(x, y, -0.6), place(x, y - rise, -0.6)
        animate(disc, "location", (rest, top, rest), "SINE")


def add_camera_and_key():
    camera, key = bpy.data.cameras.new("Camera"), bpy.data.lights.new("Key", "SUN")
    camera.lens, camera.sensor_width, camera.sensor_fit = LENS_MM, SENSOR_MM, "HORIZONTAL"
    distance = WIDTH / PIXELS_PER_UNIT * LENS_MM / SENSOR_MM
    view = add_object("Camera", camera, location=(0, 0, distance))
    bpy.context.scene.camera = view
    key.energy, key.angle, key.color = 3.0, radians(4), (1, 0.93, 0.84)
    key.cycles.use_multiple_importance_sampling = False  # with nothing glossy, only noise
    sun = add_object("Key", key)
    sun.rotation_euler = (radians(-30), radians(-32), 0)  # from the upper left
    sun.visible_diffuse = True


def set_up_render(scene):
    render, cycles, image = scene.render, scene.cycles, scene.render.image_settings
    scene.name = "Clock"
    scene.frame_start, scene.frame_end, scene.frame_step = 1, FRAMES, 1
    render.engine, render.filepath = "CYCLES", "//frames/"
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.fps, render.fps_base, render.use_motion_blur = FPS, 1, False
    render.dither_intensity = 0  # the patches' pixels must be exact
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGB", "8"
    scene.display_settings.display_device = "sRGB"
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"
    cycles.device, cycles.samples, cycles.seed = "CPU", SAMPLES, 0
    cycles.use_adaptive_sampling = cycles.use_denoising = cycles.use_animated_seed = False
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 1.2
    cycles.max_bounces, cycles.transparent_max_bounces = 0, 8
    cycles.use_auto_tile = False


def write_measures(path, patches):
    """One patch a line, in Prettier's style."""
    lines = ",\n".join(f"    {{ {json.dumps(patch)[1:-1]} }}" for patch in patches)
    film = {"frames": FRAMES, "fps": FPS, "width": WIDTH, "height": HEIGHT}
    rest = json.dumps(film, indent=2)[2:]
    path.write_text(f'{{\n  "patches": [\n{lines}\n  ],\n{rest}\n')


def main(target):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.file_preview_type = "NONE"
    bpy.context.preferences.filepaths.save_version = 0  # no clock.blend1
    set_up_render(bpy.context.scene)
    add_camera_and_key()
    add_background()
    add_dial()
    add_words()
    patches = add_patches()
    bpy.context.scene.frame_set(1)
    bpy.ops.wm.save_as_mainfile(filepath=str(target), compress=True)
    write_measures(target.with_suffix(".json"), patches)


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("--") + 1]).resolve())
