"""Films that the sequencer cuts."""

import bpy

from kit import *  # noqa: F403

FRAMES = (1, 6)
ORIGINAL = {"fit_method": "ORIGINAL"}


def edit():
    scene = begin(frames=FRAMES)
    return scene, strips(scene)


@feature("strip-sequence")
def strip_sequence():
    """Under a still picture that ends in the middle."""
    _, editor = edit()
    sequence(editor)
    editor.new_image("Still", png("media/still.png", size=20), 2, 1, **ORIGINAL).frame_final_duration = 3
    save()


def sequence(editor):
    strip = editor.new_image("Sequence", pngs("media/s%04d.png", range(1, 7)), 1, 1, **ORIGINAL)
    for number in range(2, 7):
        strip.elements.append(f"s{number:04d}.png")
    return strip


@feature("strip-movie")
def strip_movie():
    """Of one key frame only, begun in the middle."""
    _, editor = edit()
    clip("clip.mp4", 12, "-g", "12", "-pix_fmt", "yuv420p")
    strip = editor.new_movie("Clip", os.path.abspath("clip.mp4"), 1, 1, **ORIGINAL)
    strip.frame_offset_start = 3
    strip.frame_start -= 3
    strip.filepath = "//clip.mp4"
    save()


@feature("strip-effects")
def strip_effects():
    """A crossfade under an adjustment layer with a modifier, a turned picture, and words that fade in."""
    _, editor = edit()
    first = effect(editor, "One", "COLOR", 1, 1, 5)
    second = effect(editor, "Two", "COLOR", 2, 2, 5)
    first.color, second.color = (1, 0, 0), (0, 0, 1)
    last = {"length": 4} if VERSION >= (5, 0, 0) else {"frame_end": 6}
    inputs = {"input1": first, "input2": second} if VERSION >= (4, 5, 0) else {"seq1": first, "seq2": second}
    editor.new_effect("Cross", "CROSS", 3, 2, **last, **inputs)
    layer = effect(editor, "Layer", "ADJUSTMENT", 4, 1, 6)
    layer.modifiers.new("Bright", "BRIGHT_CONTRAST").bright = 20
    picture = editor.new_image("Inset", png("inset.png", size=20), 5, 1, **ORIGINAL)
    picture.frame_final_duration = 6
    picture.transform.offset_x, picture.transform.rotation = 8, 0.5
    words = effect(editor, "Words", "TEXT", 6, 2, 4)
    words.text, words.font_size = "Hallo", 12
    for frame, opacity in ((2, 0), (5, 1)):
        words.blend_alpha = opacity
        words.keyframe_insert("blend_alpha", frame=frame)
    save()


@feature("strip-scene")
def strip_scene():
    """Another scene, cut in at its third frame."""
    shot, _ = stage(frames=(1, 8))
    shot.name = "Shot"
    film = tune(bpy.data.scenes.new("Film"), frames=FRAMES)
    strip = strips(film).new_scene("Shot", shot, 1, -1)
    strip.frame_offset_start = 2
    show_scene(film)
    save()


@feature("strip-muted-missing")
def strip_muted_missing():
    """A missing picture that is muted, and one that is not in the frames."""
    _, editor = edit()
    effect(editor, "Back", "COLOR", 1, 1, 6).color = (0.2, 0.4, 0.6)
    editor.new_image("Gone", "//gone.png", 2, 1, **ORIGINAL).mute = True
    editor.new_image("Later", "//gone-later.png", 3, 20, **ORIGINAL).frame_final_duration = 5
    save()


@feature("sequencer-region-cropped")
def sequencer_region_cropped():
    sequencer_region(True)


@feature("sequencer-region-uncropped")
def sequencer_region_uncropped():
    sequencer_region(False)


def sequencer_region(crop):
    scene, editor = edit()
    sequence(editor)
    render = scene.render
    render.use_border, render.use_crop_to_border = True, crop
    render.border_min_x, render.border_max_x = 0.25, 0.75
    render.border_min_y, render.border_max_y = 0.25, 0.75
    save()


@feature("strip-image-missing")
def strip_image_missing():
    _, editor = edit()
    editor.new_image("Gone", "//media/gone.png", 1, 1, **ORIGINAL).frame_final_duration = 6
    save()


@feature("strip-movie-missing")
def strip_movie_missing():
    _, editor = edit()
    clip("clip.mp4", 12, "-pix_fmt", "yuv420p")
    editor.new_movie("Gone", os.path.abspath("clip.mp4"), 1, 1, **ORIGINAL).filepath = "//media/gone.mp4"
    os.remove("clip.mp4")
    save()


@feature("strip-sequence-missing")
def strip_sequence_missing():
    """One picture of six."""
    _, editor = edit()
    sequence(editor)
    os.remove("media/s0003.png")
    save()
