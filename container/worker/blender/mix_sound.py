"""Runs inside Blender and mixes down the sound of a scene.

The job follows `--` as JSON: `scene`, `start` and `end` (frames, both inclusive) and `path` of the FLAC file to write, 48
kHz, stereo, 24 bits. File descriptor 3 gets events, one JSON object a line, as in render_frames.py.
"""

import json
import os
import sys

import bpy

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
from scene_choices import choose_camera  # noqa: E402

EVENTS = os.fdopen(3, "w", buffering=1)

RATE = 48000

# The worker accepts events of up to 64 KiB. A path has up to 1 KiB, and JSON can make it six times as long.
MOST_FILES = 10
MOST_REASON = 4000


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), file=EVENTS)


def prepare(job):
    scene = bpy.data.scenes.get(job["scene"])
    if scene is None:
        raise ValueError(f"scene {job['scene']!r} is missing in the file")
    # Blender mixes the scene of the window, not the scene that the sequencer shows (tried with 5.2.3).
    if bpy.context.window is not None:
        bpy.context.window.scene = scene
    if bpy.context.scene != scene:
        raise ValueError(f"the scene {scene.name!r} cannot be made the active one")
    choose_camera(scene, job.get("camera"))
    scene.frame_start = job["start"]
    scene.frame_end = job["end"]
    # In newer Blenders, properties of the operator replace these settings.
    scene.render.ffmpeg.audio_mixrate = RATE
    scene.render.ffmpeg.audio_channels = "STEREO"
    return scene


def missing_files(scene):
    """Paths of missing sounds in the scene that its frames play; sorted, each once."""
    return sorted({sound.filepath for sound in heard_sounds(scene, []) if is_missing(sound)})


def heard_sounds(scene, shown):
    """Sounds of its speakers, of its strips, and of scenes in its strips. `shown` are the scenes on the way here."""
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
    """The strips of an editor or a meta strip. Until 4.3 they are called sequences."""
    return getattr(holder, "strips", None) or getattr(holder, "sequences", None) or []


def heard_strips(scene, strips, is_first):
    """Strips that are not muted and, in the mixed scene, not outside its frames. An animation may unmute a strip.

    A strip that was added while its file was missing is one frame long, so its real length is unknown.
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
        raise RuntimeError(f"Blender {version} wrote no sound; 5.2.0 and 5.2.1 never do; render with 5.2.3 or newer")


def tell_progress(scene, *_):
    """Before it mixes, Blender plays all frames for animated values, without any output."""
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
