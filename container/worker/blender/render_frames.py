"""Runs inside Blender and renders the frames that it is told to, one at a time.

Standard input: one frame number a line; the end of input ends Blender. The worker can so stop after any frame, and
Blender ends by itself when the worker is gone. File descriptor 3: one JSON object a line for each thing that
happened. They go there and not to standard output because a hostile scene can make Blender print anything.

The job stands after `--` as JSON: `scene`, `directory` (where frames are saved as `####.png`), and optionally
`engine`, `samples`, `resolutionPercent` in place of the scene's own, `camera` (in place of its camera and of those of markers), `sceneEngine` and `colors` (its own, as saved), `device` (`CPU` or `GPU`), `force` (render on
where files are missing) and `allowScripts` (leave what the file runs by itself).

Where the scene's own format is one that is kept (`formats.py`), each frame is rendered into that, and the same render result
is saved as PNG beside it, through the scene's view transform.
"""

import json
import os
import sys
import time

import bpy

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from blender_paths import literal  # noqa: E402
from file_outputs import FileOutputs  # noqa: E402
from formats import Formats  # noqa: E402
from lacks import Lacks  # noqa: E402
from scene_choices import check_colors, check_denoiser, choose_camera, choose_engine  # noqa: E402
from scripts_off import remove_scripts  # noqa: E402
from simulations import Simulations  # noqa: E402

EVENTS = os.fdopen(3, "w", buffering=1)

# Of Cycles, the fastest first: https://docs.blender.org/manual/en/latest/render/cycles/gpu_rendering.html
GPU_KINDS = ("OPTIX", "CUDA", "HIP", "ONEAPI", "METAL")


# The worker takes a line of up to 64 KiB for an event.
MOST_REASON = 4000


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), file=EVENTS)


def prepare(job):
    """Applies the job to the scene. What can't be applied is an error here, never a frame that is quietly wrong."""
    scene = bpy.data.scenes.get(job["scene"])
    if scene is None:
        raise ValueError(f"there is no scene {job['scene']!r} in the file")
    render = scene.render
    choose_engine(scene, job)
    choose_camera(scene, job.get("camera"))
    if "resolutionPercent" in job:
        render.resolution_percentage = job["resolutionPercent"]
    if "samples" in job:
        set_samples(scene, job["samples"])
    check_colors(scene, job)
    check_denoiser(scene)
    if render.engine == "CYCLES":
        set_device(scene, job.get("device"))
    render.use_file_extension = True
    render.use_overwrite = True
    render.use_placeholder = False
    # A single picture a frame, whatever stereo set-up the scene has.
    render.use_multiview = False
    return scene


def set_samples(scene, samples):
    if scene.render.engine == "CYCLES":
        scene.cycles.samples = samples
    elif hasattr(scene.eevee, "taa_render_samples"):
        scene.eevee.taa_render_samples = samples


def set_device(scene, wanted):
    """A GPU that was asked for is used or missed aloud; one that only the scene wishes for may be missing."""
    if (wanted or scene.cycles.device) == "GPU":
        kind = use_gpus()
        if kind:
            scene.cycles.device = "GPU"
            print(f"Spotreel: Cycles renders by {kind}")
            return
        if wanted:
            raise ValueError("a GPU was asked for (device GPU), and Cycles finds none here that it can use")
        print("Spotreel: the scene is set to render on a GPU, and Cycles finds none here: it renders on the CPU")
    scene.cycles.device = "CPU"


def use_gpus():
    """Switches on all GPUs of the best kind that is here; gives the kind."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    for kind in GPU_KINDS:
        try:
            preferences.compute_device_type = kind
        except TypeError:
            # This Blender was built without it.
            continue
        preferences.get_devices()
        if any(device.type == kind for device in preferences.devices):
            for device in preferences.devices:
                device.use = device.type == kind
            return kind
    return None


def save_frame(scene, frame, directory, formats):
    """Renders one frame and saves all that is to come of it."""
    if formats.master is None:
        render_frame(scene, frame, directory, "png")
        return
    formats.use(formats.own)
    render_frame(scene, frame, directory, formats.master)
    formats.use(formats.png)
    # Not by its name, which another picture may have.
    result = next(image for image in bpy.data.images if image.type == "RENDER_RESULT")
    result.save_render(os.path.join(directory, file_name(frame, "png")), scene=scene)


def render_frame(scene, frame, directory, ending):
    """Renders and saves one frame; the scene's range stays as it was saved, for all that reads it.

    `frame_set` does what an animation does before each frame: it switches cameras and applies animated render settings.
    """
    scene.frame_set(frame)
    scene.render.filepath = literal(os.path.join(directory, file_name(frame, ending)))
    bpy.ops.render.render(write_still=True, scene=scene.name)


def file_name(frame, ending):
    """As Blender itself names the frame by `####`."""
    return f"{'-' if frame < 0 else ''}{abs(frame):04d}.{ending}"


def print_progress(statistics, *_):
    """From 5.0 on Blender says nothing of a frame until it is done; this goes to the log as it did before."""
    print(f"Fra:{bpy.context.scene.frame_current} | {statistics}", flush=True)


def listen(job):
    if bpy.app.version >= (5, 0, 0):
        bpy.app.handlers.render_stats.append(print_progress)
    lacks = Lacks(tell, job.get("force", False))
    lacks.listen()
    return lacks


def main():
    job = json.loads(sys.argv[sys.argv.index("--") + 1])
    if not job.get("allowScripts"):
        for line in remove_scripts():
            print(line, flush=True)
    try:
        scene = prepare(job)
        formats = Formats(scene.render.image_settings)
        outputs = FileOutputs(scene, job["directory"])
    except (ValueError, TypeError) as error:
        tell("unusable", reason=str(error)[:MOST_REASON])
        return
    simulations = Simulations(scene)
    lacks = listen(job)
    tell("ready")
    for line in iter(sys.stdin.readline, ""):
        frame = int(line)
        simulations.play(frame, lambda at: tell("stepping", frame=frame, at=at))
        tell("started", frame=frame)
        lacks.begin(frame)
        if lacks.holds_up(scene):
            continue
        began = time.monotonic()
        try:
            outputs.clear()
            save_frame(scene, frame, job["directory"], formats)
            lacks.end()
            kept = outputs.take(frame)
            master = {"master": formats.master} if formats.master else {}
            tell("saved", frame=frame, seconds=round(time.monotonic() - began, 3), **master, **kept)
        except RuntimeError as error:
            tell("failed", frame=frame, reason=str(error).strip()[:MOST_REASON])


main()
