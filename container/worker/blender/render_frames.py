"""Runs inside Blender and renders the requested frames, one at a time.

Standard input has one frame number a line. Words may follow it: `fresh` if Blender must keep no data any more, and `threads=4`.
Blender ends at the end of the input, so the worker can stop after any frame, and Blender also ends if the worker dies. File
descriptor 3 gets events, one JSON object a line. Events do not use standard output, because a hostile scene can make
Blender print anything.

The job follows `--` as JSON:
- `scene`, and `directory`, where frames are saved as `####.png`
- optional `engine`, `samples`, `resolutionPercent`: override the scene
- optional `camera`: overrides the cameras of the scene and of its markers
- optional `sceneEngine`, `colors`: those of the scene, as saved
- optional `device`: `CPU` or `GPU`
- optional `force`: render even if files are missing
- optional `allowScripts`: keep scripts that the file runs by itself
- optional `persistentData`: `auto`, `on` or `off` (`persistent_data.py`)

The environment has `SPOTREEL_FRAMES`, the number of frames that Blender will probably be asked for.

If Spotreel keeps the scene's own format (`formats.py`), Blender renders each frame in that format. It then saves the same
result as PNG, through the scene's view transform.
"""

import json
import os
import sys
import time

import bpy

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from blender_paths import literal  # noqa: E402
from compositor import tree_in_use  # noqa: E402
from file_outputs import FileOutputs  # noqa: E402
from formats import Formats  # noqa: E402
from lacks import Lacks  # noqa: E402
from persistent_data import PersistentData  # noqa: E402
from scene_choices import check_colors, check_denoiser, choose_camera, choose_engine  # noqa: E402
from scripts_off import remove_scripts  # noqa: E402
from simulations import Simulations  # noqa: E402

EVENTS = os.fdopen(3, "w", buffering=1)

# GPU backends of Cycles, the fastest first: https://docs.blender.org/manual/en/latest/render/cycles/gpu_rendering.html
GPU_KINDS = ("OPTIX", "CUDA", "HIP", "ONEAPI", "METAL")

# The worker accepts events of up to 64 KiB.
MOST_REASON = 4000


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), file=EVENTS)


def prepare(job):
    """Applies the job to the scene. Raises an error for options that do not apply, so no frame is silently wrong."""
    scene = bpy.data.scenes.get(job["scene"])
    if scene is None:
        raise ValueError(f"scene {job['scene']!r} is missing in the file")
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
    # One image for each frame, even if the scene is stereo.
    render.use_multiview = False
    return scene


def set_samples(scene, samples):
    if scene.render.engine == "CYCLES":
        scene.cycles.samples = samples
    elif hasattr(scene.eevee, "taa_render_samples"):
        scene.eevee.taa_render_samples = samples


def set_device(scene, wanted):
    """A missing GPU is an error if the user asked for one, and a warning if only the scene asks for one."""
    if (wanted or scene.cycles.device) == "GPU":
        kind = use_gpus()
        if kind:
            scene.cycles.device = "GPU"
            print(f"Spotreel: Cycles renders with {kind}")
            return
        if wanted:
            raise ValueError("device is GPU, but Cycles finds no usable GPU on this machine; render with device CPU")
        print("Spotreel: the scene asks for a GPU, but Cycles finds none on this machine and renders on the CPU")
    scene.cycles.device = "CPU"


def use_gpus():
    """Enables all GPUs of the fastest backend that this machine has. Returns the backend, or None."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    for kind in GPU_KINDS:
        try:
            preferences.compute_device_type = kind
        except TypeError:
            # This Blender was built without this backend.
            continue
        preferences.get_devices()
        if any(device.type == kind for device in preferences.devices):
            for device in preferences.devices:
                device.use = device.type == kind
            return kind
    return None


def save_frame(scene, frame, directory, formats):
    """Renders one frame and saves all its files."""
    if formats.master is None:
        render_frame(scene, frame, directory, "png")
        return
    formats.use(formats.own)
    render_frame(scene, frame, directory, formats.master)
    formats.use(formats.png)
    # Not by name, because another image may have this name.
    result = next(image for image in bpy.data.images if image.type == "RENDER_RESULT")
    result.save_render(os.path.join(directory, file_name(frame, "png")), scene=scene)


def render_frame(scene, frame, directory, ending):
    """Renders and saves one frame. It keeps the frame range of the scene, which drivers and scripts can read.

    `frame_set` does what an animation does before each frame: it switches cameras and applies animated render settings.
    """
    scene.frame_set(frame)
    scene.render.filepath = literal(os.path.join(directory, file_name(frame, ending)))
    bpy.ops.render.render(write_still=True, scene=scene.name)


def use_threads(words, is_worth):
    """Applies `threads=4`, for all scenes, as a compositor may render others. Has no effect if Blender started with `-t 4`.

    `is_worth` says whether the number is worth a frame from nothing. Returns whether it changed a scene: Cycles then prepares
    the next frame from nothing.
    """
    has_changed = False
    for word in words:
        if word.startswith("threads="):
            threads = int(word.partition("=")[2])
            if not is_worth(threads):
                continue
            for render in (scene.render for scene in bpy.data.scenes):
                # An assignment of the same number could make Blender prepare kept data again.
                if (render.threads_mode, render.threads) != ("FIXED", threads):
                    render.threads_mode, render.threads = "FIXED", threads
                    has_changed = True
    return has_changed


def file_name(frame, ending):
    """The file name that Blender makes from `####`."""
    return f"{'-' if frame < 0 else ''}{abs(frame):04d}.{ending}"


def print_progress(statistics, *_):
    """Since 5.0 Blender prints nothing until a frame is done. This prints the progress as before."""
    print(f"Fra:{bpy.context.scene.frame_current} | {statistics}", flush=True)


def listen(job):
    if bpy.app.version >= (5, 0, 0):
        bpy.app.handlers.render_stats.append(print_progress)
    lacks = Lacks(tell, job.get("force", False))
    lacks.listen()
    return lacks


def wanted_data(job):
    """The option, unless an earlier Blender ran out of memory or had different pictures."""
    return "off" if os.environ.get("SPOTREEL_FRESH") == "1" else job.get("persistentData", "auto")


def data_for(job, scene, simulations, outputs):
    return PersistentData(
        scene,
        wanted_data(job),
        frame_count(),
        # The check makes Blender run handlers of scripts more often, so that a script could be ahead of the frame.
        scripts=job.get("allowScripts", False),
        simulations=bool(simulations.starts),
        # Files of File Output nodes are not compared.
        outputs=bool(outputs.folders and tree_in_use(scene)),
    )


def frame_count():
    return int(os.environ.get("SPOTREEL_FRAMES") or 1)


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
    persistent = data_for(job, scene, simulations, outputs)
    lacks = listen(job)

    def draw(frame):
        outputs.clear()
        save_frame(scene, frame, job["directory"], formats)

    def files_of(frame):
        endings = ["png", formats.master] if formats.master else ["png"]
        return [os.path.join(job["directory"], file_name(frame, ending)) for ending in endings]

    tell("ready")
    for line in iter(sys.stdin.readline, ""):
        number, *words = line.split()
        frame = int(number)
        if use_threads(words, lambda threads: persistent.is_worth_threads(scene.render.threads, threads)):
            persistent.restart()
        if "fresh" in words:
            persistent.stop("memory")
        simulations.play(frame, lambda at: tell("stepping", frame=frame, at=at))
        tell("started", frame=frame)
        lacks.begin(frame)
        if lacks.holds_up(scene):
            continue
        began = time.monotonic()
        try:
            data = persistent.render(frame, lambda: draw(frame), files_of(frame))
            lacks.end()
            kept = outputs.take(frame)
            master = {"master": formats.master} if formats.master else {}
            seconds = round(time.monotonic() - began, 3)
            tell("saved", frame=frame, seconds=seconds, **master, **kept, **({"data": data} if data else {}))
        except RuntimeError as error:
            tell("failed", frame=frame, reason=str(error).strip()[:MOST_REASON])


main()
