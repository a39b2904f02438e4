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
    scene = bpy.context.scene
    if scene.name != job["scene"]:
        raise ValueError(f"there is no scene {job['scene']!r} in the file")
    choose_camera(scene, job.get("camera"))
    scene.frame_start = job["start"]
    scene.frame_end = job["end"]
    # Newer Blenders have settings of the operator's own in place of these.
    scene.render.ffmpeg.audio_mixrate = RATE
    scene.render.ffmpeg.audio_channels = "STEREO"


def missing_files():
    """Paths of sounds as they stand in the scene, sorted, each once."""
    return sorted({sound.filepath for sound in bpy.data.sounds if sound.users > 0 and is_missing(sound)})


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


def tell_progress(scene, *_):
    """Before it mixes, Blender plays the whole range for what is animated, and says nothing meanwhile."""
    tell("started", frame=scene.frame_current)


def main():
    job = json.loads(sys.argv[sys.argv.index("--") + 1])
    try:
        prepare(job)
        bpy.app.handlers.frame_change_post.append(tell_progress)
        mix(job["path"])
    except (ValueError, TypeError, RuntimeError) as error:
        tell("unusable", reason=str(error).strip()[:MOST_REASON])
        return
    missing = missing_files()
    tell("mixed", missing=missing[:MOST_FILES], more=max(0, len(missing) - MOST_FILES))


main()
