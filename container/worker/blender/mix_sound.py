"""Runs inside Blender and mixes down the sound of a scene.

The job stands after `--` as JSON: `scene`, `start` and `end` (frames, both inclusive) and `path` of the FLAC file to be
written, 48 kHz, stereo, 24 bits. File descriptor 3: one JSON object a line, as render_frames.py tells its own.
"""

import json
import os
import sys

import bpy

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from scene_choices import choose_camera  # noqa: E402

EVENTS = os.fdopen(3, "w", buffering=1)

RATE = 48000

# The worker takes a line of up to 64 KiB for an event: paths have up to 1 KiB, which JSON may write six times as long.
MOST_FILES = 10
MOST_REASON = 4000


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), file=EVENTS)


def prepare(job):
    scene = bpy.data.scenes.get(job["scene"])
    if scene is None:
        raise ValueError(f"there is no scene {job['scene']!r} in the file")
    # Blender mixes the window's scene, whatever scene the sequencer shows (tried with 5.2.3).
    if bpy.context.window is not None:
        bpy.context.window.scene = scene
    if bpy.context.scene != scene:
        raise ValueError(f"the scene {scene.name!r} cannot be made the active one")
    choose_camera(scene, job.get("camera"))
    scene.frame_start = job["start"]
    scene.frame_end = job["end"]
    # Newer Blenders have settings of the operator's own in place of these.
    scene.render.ffmpeg.audio_mixrate = RATE
    scene.render.ffmpeg.audio_channels = "STEREO"
    return scene


def missing_files(scene):
    """Paths of missing sounds as they stand in the scene, sorted, each once: those that its frames would let one hear."""
    return sorted({sound.filepath for sound in heard_sounds(scene, []) if is_missing(sound)})


def heard_sounds(scene, shown):
    """Of its strips, of scenes that its strips show (`shown`: those on the way here), and of its speakers."""
    if len(shown) == 0:
        for thing in scene.objects:
            if thing.type == "SPEAKER" and thing.data.sound is not None and not thing.data.muted:
                yield thing.data.sound
    if scene in shown or scene.sequence_editor is None:
        return
    for strip in heard_strips(scene, top_strips(scene.sequence_editor), is_first=len(shown) == 0):
        if strip.type == "SOUND" and strip.sound is not None:
            yield strip.sound
        elif strip.type == "SCENE" and strip.scene is not None:
            yield from heard_sounds(strip.scene, [*shown, scene])


def top_strips(holder):
    """Of an editor or a meta strip; up to 4.3 they are called sequences."""
    return getattr(holder, "strips", None) or getattr(holder, "sequences", None) or []


def heard_strips(scene, strips, is_first):
    """Neither muted nor, in the scene that is mixed, outside its frames; what is animated may be unmuted.

    A strip that was added while its file was missing is a frame long: how far it would reach is unknown.
    """
    for strip in strips:
        if strip.mute and scene.animation_data is None:
            continue
        outside = strip.frame_final_end <= scene.frame_start or strip.frame_final_start > scene.frame_end
        if is_first and outside and strip.frame_final_duration > 1:
            continue
        yield strip
        if strip.type == "META":
            yield from heard_strips(scene, top_strips(strip), is_first)


def is_missing(sound):
    if sound.packed_file or not sound.filepath:
        return False
    return not os.path.exists(bpy.path.abspath(sound.filepath, library=sound.library))


def mix(path):
    operator = bpy.ops.sound.mixdown
    known = operator.get_rna_type().properties.keys()
    newer = {"mixrate": RATE, "channels": "STEREO"}
    operator(
        filepath=path,
        check_existing=False,
        relative_path=False,
        container="FLAC",
        codec="FLAC",
        format="S24",
        **{name: value for name, value in newer.items() if name in known},
    )
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        version = bpy.app.version_string
        raise RuntimeError(f"Blender {version} wrote none; 5.2.0 and 5.2.1 never do: render with 5.2.3 or newer")


def tell_progress(scene, *_):
    """Before it mixes, Blender plays the whole range for what is animated, and says nothing meanwhile."""
    tell("started", frame=scene.frame_current)


def main():
    job = json.loads(sys.argv[sys.argv.index("--") + 1])
    try:
        scene = prepare(job)
        bpy.app.handlers.frame_change_post.append(tell_progress)
        mix(job["path"])
    except (ValueError, TypeError, RuntimeError) as error:
        tell("unusable", reason=str(error).strip()[:MOST_REASON])
        return
    missing = missing_files(scene)
    tell("mixed", missing=missing[:MOST_FILES], more=max(0, len(missing) - MOST_FILES))


main()
