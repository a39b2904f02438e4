"""The choices of the artist or the user for a scene: engine, camera, colours, denoising. Each check is exact.

A choice that this Blender does not have raises ValueError. It never becomes another choice silently.
"""

from compositor import drawn_scenes

# Blender 4.2 to 4.5 call EEVEE by the second name.
EEVEE = ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT")

# Names that newer Blenders replace by others with the same meaning when they open a file.
RENAMED = {"display": ("None",), "view": ("Default",), "look": ("None", "Filmic - Base Contrast")}


def choose_engine(scene, job):
    """Sets the requested engine, or checks that Blender did not replace the scene's engine when it opened the file."""
    wanted = job.get("engine")
    if wanted:
        set_engine(scene, wanted)
        return
    own = job.get("sceneEngine")
    if own and not job.get("force") and not renders_sequencer(scene) and not is_same_engine(own, scene.render.engine):
        raise ValueError(
            f"the scene's engine {own!r} is missing in this Blender, which would render with {scene.render.engine};"
            " give --engine cycles, or --force to render anyway"
        )


def set_engine(scene, wanted):
    for engine in EEVEE if wanted in EEVEE else (wanted,):
        try:
            scene.render.engine = engine
            return
        except TypeError:
            continue
    raise ValueError(f"engine {wanted} is missing in this Blender; choose another one with --engine")


def is_same_engine(one, other):
    return one == other or (one in EEVEE and other in EEVEE)


def renders_sequencer(scene):
    editor = scene.sequence_editor
    strips = editor and (editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)
    return bool(scene.render.use_sequencer and strips and any(strip.type != "SOUND" for strip in strips))


def choose_camera(scene, name):
    """Renders only with the camera of this name. Markers no longer switch to other cameras."""
    if name is None:
        return
    camera = next((item for item in scene.objects if item.name == name and item.type == "CAMERA"), None)
    if camera is None:
        raise ValueError(f"camera {name!r} is missing in scene {scene.name!r}; change --camera")
    scene.camera = camera
    for marker in scene.timeline_markers:
        marker.camera = None


def check_colors(scene, job):
    """When Blender opens a file, it replaces names that its OpenColorIO configuration lacks."""
    saved = job.get("colors")
    if not saved or job.get("force"):
        return
    shown = {
        "display": scene.display_settings.display_device,
        "view": scene.view_settings.view_transform,
        "look": scene.view_settings.look,
    }
    for kind, renamed in RENAMED.items():
        name = saved[kind]
        # A renamed look has another name. A missing look becomes "None".
        is_lost = shown[kind] == "None" if kind == "look" else shown[kind] != name
        if name and name not in renamed and is_lost:
            raise ValueError(
                f"{kind} {name!r} is missing in the colour configuration of this Blender, which would render with"
                f" {shown[kind]!r}; give the configuration of the scene with --ocio, or give --force"
            )


def check_denoiser(scene):
    """Without OpenImageDenoise, Cycles fails at every frame that it must denoise."""
    if renders_sequencer(scene) or not any(denoises(shown) for shown in drawn_scenes(scene)):
        return
    import _cycles

    if not getattr(_cycles, "with_openimagedenoise", True):
        raise ValueError(
            "this Blender was built without OpenImageDenoise, but the scene denoises with Cycles; install a Blender from"
            " blender.org, or switch off Render Properties > Sampling > Render > Denoise"
        )


def denoises(scene):
    if scene.render.engine != "CYCLES" or not scene.cycles.use_denoising:
        return False
    return any(layer.use and layer.cycles.use_denoising for layer in scene.view_layers)
