"""How a frame is chosen, timed, framed and sampled."""

import bpy

from kit import *  # noqa: F403


@feature("still")
def still():
    stage()
    save()


@feature("driver-range")
def driver_range():
    """A progress bar: its length is driven by the scene's own frame range."""
    scene, red = stage(frames=(1, 4))
    driver = red.driver_add("scale", 0).driver
    driver.type = "SCRIPTED"
    for name, path in (("f", "frame_current"), ("a", "frame_start"), ("b", "frame_end")):
        variable = driver.variables.new()
        variable.name, variable.type = name, "SINGLE_PROP"
        target = variable.targets[0]
        target.id_type, target.id, target.data_path = "SCENE", scene, path
    driver.expression = "(f - a) / (b - a) * 3 + 0.1"
    save()


@feature("burned-in-metadata")
def burned_in_metadata():
    """All that does not depend on the machine, the clock or the folder."""
    scene, _ = stage(frames=(99, 101), size=(240, 120))
    scene.cycles.samples = 1
    render = scene.render
    render.use_stamp, render.stamp_font_size = True, 10
    shown = ("frame", "frame_range", "scene", "camera", "lens", "marker", "sequencer_strip", "note")
    for name in dir(render):
        if name.startswith("use_stamp_"):
            setattr(render, name, name[len("use_stamp_") :] in shown)
    render.stamp_note_text = "first cut"
    scene.timeline_markers.new("opening", frame=99)
    save()


@feature("negative-frames")
def negative_frames():
    bpy.context.preferences.edit.use_negative_frames = True
    scene, red = stage(frames=(-2, 1))
    scene.frame_start = -2
    red.animation_data_clear()
    slide(red, -2, -1, 1, 1)
    save()
    bpy.context.preferences.edit.use_negative_frames = False


@feature("frame-step")
def frame_step():
    scene, _ = stage(frames=(1, 6))
    scene.frame_step = 2
    save()


@feature("time-remapping")
def time_remapping():
    scene, _ = stage(frames=(1, 4))
    scene.render.frame_map_old, scene.render.frame_map_new = 100, 70
    save()


@feature("motion-blur")
def motion_blur():
    """Keys between frames, and a camera that turns by a constraint on what moves."""
    scene, red = stage()
    scene.render.use_motion_blur = True
    red.animation_data_clear()
    slide(red, 0.5, -1, 2.5, 1)
    follow = scene.camera.constraints.new("DAMPED_TRACK")
    follow.target, follow.track_axis = red, "TRACK_NEGATIVE_Z"
    save()


@feature("camera-markers")
def camera_markers():
    """Three lenses: a usual one, one out of focus, a panorama."""
    scene, red = stage()
    cube(scene, "Far", (0.5, 3, 0), (0, 1, 0))
    near, all_around = camera(scene, (0, -3, 0), "Near"), camera(scene, (0, -2, 0), "All around")
    focus = near.data.dof
    focus.use_dof, focus.focus_object, focus.aperture_fstop = True, red, 0.2
    all_around.data.type = "PANO"
    owner = all_around.data if hasattr(all_around.data, "panorama_type") else all_around.data.cycles
    owner.panorama_type = "EQUIRECTANGULAR"
    for frame, lens in ((1, scene.camera), (2, near), (3, all_around)):
        scene.timeline_markers.new(lens.name, frame=frame).camera = lens
    save()


@feature("camera-option")
def camera_option():
    scene, _ = stage()
    camera(scene, (0, -3, 0), "Near")
    save()


@feature("region-cropped")
def region_cropped():
    scene, _ = stage()
    region(scene, crop=True)
    save()


@feature("region-uncropped")
def region_uncropped():
    scene, _ = stage()
    region(scene, crop=False)
    save()


def region(scene, crop):
    render = scene.render
    render.use_border, render.use_crop_to_border = True, crop
    render.border_min_x, render.border_max_x = 0.25, 0.75
    render.border_min_y, render.border_max_y = 0.25, 0.75


@feature("pixel-aspect")
def pixel_aspect():
    """Also half of the size, and a subdivision that is simplified."""
    scene, red = stage(size=(100, 75))
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = 64, 45
    scene.render.resolution_percentage = 50
    scene.render.use_simplify, scene.render.simplify_subdivision_render = True, 1
    red.modifiers.new("Round", "SUBSURF").render_levels = 3
    save()


@feature("sampling")
def sampling():
    """A seed that changes with the frame, and adaptive sampling."""
    scene, red = stage()
    scene.cycles.use_animated_seed, scene.cycles.use_adaptive_sampling, scene.cycles.samples = True, True, 32
    red.data.materials[0] = dull("Dull", (0.8, 0.2, 0.1))
    sun(scene)
    save()


@feature("persistent-data")
def persistent_data():
    scene, red = stage(frames=(1, 4))
    scene.render.use_persistent_data = True
    red.data.materials[0] = dull("Dull", (0.8, 0.2, 0.1))
    sun(scene)
    tint = red.data.materials[0].node_tree.nodes["Principled BSDF"].inputs["Base Color"]
    for frame, green in ((1, 0), (4, 1)):
        tint.default_value[1] = green
        tint.keyframe_insert("default_value", index=1, frame=frame)
    save()


@feature("kept-camera")
def kept_camera():
    """Only the camera moves."""
    scene, _ = kept_set()
    slide(scene.camera, 1, -1, 6, 1)
    save()


@feature("kept-objects")
def kept_objects():
    """Some objects move and change their shape on a set that does not."""
    scene, red = kept_set()
    slide(red, 1, -1, 6, 1)
    wave(grid(scene, "Waves", (0, 0, -1), 4, 12))
    save()


@feature("kept-everything")
def kept_everything():
    """All geometry changes its shape."""
    scene, _ = kept_set()
    slide(scene.camera, 1, -1, 6, 1)
    for item in list(scene.objects):
        if item.type == "MESH":
            wave(item)
    save()


@feature("kept-changes")
def kept_changes():
    """What kept data could miss: visibility, material, light, world, modifier, motion blur, resolution, samples."""
    scene, red = kept_set()
    scene.render.use_motion_blur = True
    slide(red, 1, -1, 6, 1)
    wave(grid(scene, "Waves", (0, 0, -1), 4, 12))
    other = cube(scene, "Other", (0.8, 0, 0.5), size=0.5)
    for frame, hidden in ((1, False), (3, True), (5, False)):
        other.hide_render = hidden
        other.keyframe_insert("hide_render", frame=frame)
    light = next(item for item in scene.objects if item.type == "LIGHT").data
    tint = red.data.materials[0].node_tree.nodes["Principled BSDF"].inputs["Base Color"]
    changing = (
        (light, "energy", (3, 1)),
        (background(scene).inputs[1], "default_value", (1, 3)),
        (tint, "default_value", ((1, 0, 0, 1), (0, 0, 1, 1))),
        (scene.cycles, "samples", (2, 4)),
        (scene.camera.data, "lens", (40, 60)),
    )
    for owner, name, values in changing:
        for frame, value in zip((1, 6), values):
            setattr(owner, name, value)
            owner.keyframe_insert(name, frame=frame)
    save()


def kept_set():
    scene = begin(frames=(1, 6))
    camera(scene)
    world(scene)
    sun(scene)
    red = cube(scene, "Red")
    red.data.materials[0] = dull("Dull", (0.8, 0.2, 0.1))
    return scene, red


def wave(item):
    made = item.modifiers.new("Wave", "WAVE")
    made.height, made.width, made.narrowness, made.time_offset = 0.3, 0.8, 2, -20


@feature("other-scene")
def other_scene():
    """Two scenes in one file; `--scene` names the second."""
    stage()
    other = tune(bpy.data.scenes.new("Second ✓"), frames=(1, 2))
    camera(other)
    cube(other, "Blue", (0, 0, 0), (0.1, 0.1, 1))
    save()
