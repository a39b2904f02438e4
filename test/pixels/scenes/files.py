"""Scenes that need pictures, all of which are where the scene looks for them or are not needed."""

import bpy

from kit import *  # noqa: F403


@feature("names-odd")
def names_odd():
    """Names with dots, signs and letters of other scripts, of the scene and of what it needs; and a packed picture."""
    scene, red = stage(frames=(1, 2))
    texture(red, image(png("tex v1.2/a b+c#1 50% it's &ü 雪.png")))
    png("tex/" + nfd("café.png"))
    texture(cube(scene, "Decomposed", (1, 0, 1), size=0.5), image("//./tex/../tex//" + nfd("café.png")))
    png("packed.png", (20, 60, 200))
    packed = bpy.data.images.load(os.path.abspath("packed.png"))
    packed.pack()
    os.remove("packed.png")
    texture(cube(scene, "Packed", (-1, 0, 1), size=0.5), packed)
    save("shot #1 50% v1.2 + ü & it's 雪.blend")


@feature("image-sequence")
def image_sequence():
    """One that follows the frames, and one without auto refresh."""
    scene, red = stage()
    pattern = "seq/f_%04d.png"
    played(red, pattern, range(5, 8)).use_auto_refresh = True
    still = cube(scene, "Still", (1, 0, 1), size=0.5)
    played(still, pattern, range(5, 8)).use_auto_refresh = False
    save()


def played(item, pattern, numbers):
    """Shows the first of these pictures in frame 1."""
    user = texture(item, image(pngs(pattern, numbers), "SEQUENCE")).image_user
    user.frame_duration, user.frame_start, user.frame_offset = len(numbers), 1, numbers[0] - 1
    return user


@feature("image-movie")
def image_movie():
    """A clip of one key frame as a texture."""
    _, red = stage(frames=(1, 5))
    node = texture(red, image(clip("clip.mp4", 12, "-g", "12", "-pix_fmt", "yuv420p"), "MOVIE"))
    user = node.image_user
    user.frame_duration, user.frame_start, user.frame_offset, user.use_auto_refresh = 12, 1, 3, True
    save()


@feature("tiles")
def tiles():
    """Two tiles each, numbered in both ways."""
    scene, red = stage(frames=(1, 2))
    tiled(red, "<UDIM>", (1001, 1002))
    tiled(cube(scene, "Other", (1, 0, 1), size=0.5), "<UVTILE>", ("u1_v1", "u2_v1"))
    save()


@feature("tile-unreached")
def tile_unreached():
    """A third tile is missing, and no face reaches it."""
    _, red = stage(frames=(1, 2))
    tiled(red, "<UDIM>", (1001, 1002), more=(1011,))
    save()


def tiled(item, token, numbers, more=()):
    for corner in item.data.uv_layers[0].data:
        corner.uv.x *= 2
    for index, number in enumerate(numbers):
        png(f"tiles/t.{number}.png", (200, 120 * index, 20))
    picture = bpy.data.images.load(os.path.abspath(f"tiles/t.{numbers[0]}.png"))
    picture.source, picture.filepath = "TILED", f"//tiles/t.{token}.png"
    present = [tile.number for tile in picture.tiles]
    for number in (1001, 1002, *more):
        if number not in present:
            picture.tiles.new(number)
    texture(item, picture)


@feature("image-views")
def image_views():
    """A picture for each eye, in files of their own."""
    scene, red = stage(frames=(1, 2))
    png("eye_L.png", (250, 0, 0))
    png("eye_R.png", (0, 0, 250))
    scene.render.use_multiview = True
    pair = bpy.data.images.load(os.path.abspath("eye_L.png"))
    pair.use_multiview, pair.views_format, pair.filepath = True, "INDIVIDUAL", "//eye.png"
    texture(red, pair)
    scene.render.use_multiview = False
    save()


@feature("missing-unused")
def missing_unused():
    """Missing pictures on nodes that lead nowhere or are muted, in an unused slot, on a hidden object, in another scene."""
    scene, red = stage(frames=(1, 2))
    texture(red, image("//gone-unlinked.png"), linked=False)
    texture(red, image("//gone-muted.png"), linked=False).mute = True
    textured(red, glow("Unused slot", (0, 1, 0)), "//gone-slot.png")
    hidden = cube(scene, "Hidden", (0, -1, 0))
    texture(hidden, image("//gone-hidden.png"))
    hidden.hide_render = True
    texture(cube(bpy.data.scenes.new("Other"), "Elsewhere"), image("//gone-elsewhere.png"))
    save()


def textured(item, material, path):
    item.data.materials.append(material)
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image(path)
    material.node_tree.links.new(node.outputs[0], material.node_tree.nodes["Emission"].inputs[0])


@feature("missing-not-drawn")
def missing_not_drawn():
    """A reference picture, the camera's background, the active clip, an unlinked compositor node: none is drawn."""
    scene, _ = stage(frames=(1, 2))
    reference = link(scene, "Reference", None)
    reference.empty_display_type, reference.data = "IMAGE", image("//gone-reference.png")
    lens = scene.camera.data
    lens.show_background_images = True
    lens.background_images.new().image = image("//gone-background.png")
    png("clip.png")
    scene.active_clip = bpy.data.movieclips.load(os.path.abspath("clip.png"))
    scene.active_clip.filepath = "//gone-clip.mp4"
    os.remove("clip.png")
    image("//gone-fake.png").use_fake_user = True
    tree, output = compositor(scene)
    tree.links.new(layers_node(tree).outputs["Image"], output.inputs[0])
    tree.nodes.new("CompositorNodeImage").image = image("//gone-node.png")
    save()
