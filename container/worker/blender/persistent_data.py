"""Keeps the data of Cycles between frames, and checks once for each Blender that this changes no pixel.

Blender calls this Persistent Data: its dependency graph and the scene of Cycles stay in memory, and a frame rebuilds only
what has changed. `auto` renders the second frame twice, with kept data and from nothing, compares the files and keeps those
from nothing (docs/adr/0032-persistent-data-verifies-itself.md).
"""

import os
import re
import struct
import time
from array import array

import bpy
from compositor import drawn_scenes
from strip_use import is_sequenced

# Below this many frames, the second rendering of one frame costs more than kept data save.
LEAST_FRAMES = 4

# The expected gain must be so many times the cost of the check, because the estimate is rough.
MARGIN = 1.5

# Reasons that every scene can have; they are not reported.
USUAL = {"engine", "few-frames"}

# Most that a frame from nothing may take of the remaining work, to give cores to other renders.
MOST_SHARE = 0.05

# Kept data that save less than this share of a frame are not worth their memory.
LEAST_GAIN = 0.05

# JSON has no infinity.
MOST_DIFFERENCE = 1e9

# What Cycles says of full memory, of the machine or of a GPU.
FULL_MEMORY = re.compile("out of .*memory|bad_alloc", re.IGNORECASE)


def refusal(scene, count, further):
    """Why this Blender should not keep data, as a reason of the worker's `persistentReasons`; None if it may."""
    if scene.render.engine != "CYCLES":
        return "engine"
    # Blender keeps the data of one scene, and frees them when it renders another.
    if is_sequenced(scene) or drawn_scenes(scene) != [scene]:
        return "scenes"
    # Blender keeps the data of one view layer. The next layer reuses them, so that no frame would be from nothing.
    if sum(layer.use for layer in scene.view_layers) != 1:
        return "layers"
    for reason, holds in further.items():
        if holds:
            return reason
    # A Blender that looks for missing files in advance makes Blender free the data.
    if count < LEAST_FRAMES or os.environ.get("SPOTREEL_PROBE") == "1":
        return "few-frames"
    return None


class PersistentData:
    """Renders frames with or without kept data, as `wanted` (auto, on or off) says. `count` is the number of frames.

    `further` are reasons of `persistentReasons` that only the caller knows, each with whether it holds.
    """

    def __init__(self, scene, wanted, count, **further):
        self.scene = scene
        self.left = count
        self.wanted = wanted
        self.reason = None if wanted == "on" else refusal(scene, count, further)
        self.keeps = wanted != "off" and self.reason is None and scene.render.engine == "CYCLES"
        self.is_told = wanted != "auto" or self.reason is None or self.reason in USUAL
        for each in bpy.data.scenes:
            each.render.use_persistent_data = self.keeps and each == scene
        # Whether a frame was compared, or needs no comparison.
        self.is_sure = wanted == "on"
        # Whether Blender has no data of an earlier frame.
        self.is_fresh = True
        # Seconds of the first frame, and those of them that kept data could save.
        self.first = None
        self.saveable = 0.0
        # Seconds of the latest frame from nothing, and of the latest with kept data.
        self.fresh_seconds = self.kept_seconds = 0.0
        self.watch = FrameWatch()
        if self.keeps and not self.is_sure:
            bpy.app.handlers.frame_change_post.append(self.watch.on_graph)

    def stop(self, reason):
        """Frees the data and keeps none from now on."""
        if self.keeps:
            self.reason, self.is_told = reason, False
            self.keeps = self.scene.render.use_persistent_data = False
            self.watch.rest()

    def restart(self):
        """The next frame is rendered from nothing. If none was compared, the check begins again with it."""
        if not self.keeps:
            return
        self.free()
        self.is_fresh = True
        if not self.is_sure:
            self.first = None
            self.watch.forget()

    def is_worth_threads(self, before, after):
        """Whether a new number of threads is worth a frame from nothing, as Cycles prepares all data again.

        More threads must save more than that frame. Fewer make room for other renders, for a small share of the work.
        """
        if not self.keeps or not self.is_sure or self.is_fresh:
            return True
        work = self.kept_seconds * self.left
        if after < before:
            return self.fresh_seconds < MOST_SHARE * work
        return work * (1 - before / after) > self.fresh_seconds

    def render(self, frame, draw, files):
        """Renders a frame with `draw`, which saves it as `files`. Returns what the worker should know about kept data."""
        self.left -= 1
        try:
            if self.keeps and not self.is_sure and self.first is not None:
                return self.try_out(frame, draw, files)
            return self.render_once(draw, files)
        except RuntimeError as error:
            # Kept data include an error of the device. Cycles reports it once, and all later frames are black.
            self.restart()
            if FULL_MEMORY.search(str(error)):
                self.stop("memory")
            raise

    def render_once(self, draw, files):
        seconds = timed(draw)
        if not self.keeps:
            return self.why()
        if self.first is None and not self.is_sure:
            self.first, self.saveable = seconds, self.watch.seconds_of_sync(files[0], seconds)
        is_fresh, self.is_fresh = self.is_fresh, False
        if is_fresh:
            self.fresh_seconds = seconds
        else:
            self.kept_seconds = seconds
        # Without the check it is unknown what is saved: the first frame also starts Cycles.
        if self.wanted == "on":
            return {}
        return {"freshSeconds": seconds} if is_fresh else {"kept": True}

    def why(self):
        """Why no data are kept, once."""
        if self.is_told:
            return {}
        self.is_told = True
        return {"reason": self.reason}

    def try_out(self, frame, draw, files):
        """Renders a frame with kept data and from nothing, and compares. Cheap if little can be gained."""
        self.watch.changed.clear()
        self.scene.frame_set(frame)
        gain = self.saveable * (1 - self.watch.share_changed()) * self.left
        if gain < MARGIN * self.first:
            self.stop("little-gain")
            draw()
            return self.why()
        kept_seconds = timed(draw)
        kept_files, fresh_files = put_aside(files, "kept"), []
        try:
            self.free()
            seconds = timed(draw)
            difference = found_difference(frame, kept_files, files)
            # Blender's own variation.
            own = 0.0
            if difference:
                fresh_files = put_aside(files, "fresh")
                self.free()
                draw()
                own = found_difference(frame, fresh_files, files)
        finally:
            remove([*kept_files, *fresh_files])
        if difference is None or own is None:
            self.stop("unreadable")
            return {**self.why(), "freshSeconds": seconds}
        if difference > own:
            self.stop("difference")
            return {**self.why(), "difference": difference, "freshSeconds": seconds}
        self.is_sure = True
        self.fresh_seconds, self.kept_seconds = seconds, kept_seconds
        self.watch.rest()
        if kept_seconds > (1 - LEAST_GAIN) * seconds:
            self.stop("little-gain")
        return {**self.why(), "freshSeconds": seconds}

    def free(self):
        """The next frame is rendered from nothing, and its data are kept again."""
        self.scene.render.use_persistent_data = False
        self.scene.render.use_persistent_data = True


def timed(draw):
    began = time.monotonic()
    draw()
    return round(time.monotonic() - began, 3)


class FrameWatch:
    """Notes how long Blender prepared the first frame, and which geometry the next frame rebuilds."""

    def __init__(self):
        self.forget()

    def forget(self):
        """The next frame is the first."""
        self.set_at = self.evaluated_at = None
        # Size of the evaluated geometry by the name of its object, as rendered.
        self.sizes = {}
        # Names of objects whose geometry the frame has rebuilt.
        self.changed = set()

    def rest(self):
        if self.on_graph in bpy.app.handlers.frame_change_post:
            bpy.app.handlers.frame_change_post.remove(self.on_graph)

    def on_graph(self, scene, depsgraph=None):
        if depsgraph is None:
            return
        if depsgraph.mode == "RENDER":
            if self.evaluated_at is None:
                self.evaluated_at = time.monotonic()
                self.sizes = sizes_of(depsgraph)
        else:
            if self.evaluated_at is None:
                self.set_at = time.monotonic()
            self.changed.update(
                update.id.name
                for update in depsgraph.updates
                if update.is_updated_geometry and isinstance(update.id, bpy.types.Object)
            )

    def share_changed(self):
        """The share of the rendered geometry that the frame rebuilds, from 0 to 1."""
        total = sum(self.sizes.values())
        return sum(size for name, size in self.sizes.items() if name in self.changed) / total if total else 0.0

    def seconds_of_sync(self, path, seconds):
        """Of the first frame's seconds, those before its first sample. All of them if the file does not say."""
        try:
            synced = seconds_in_notes(path)
        except OSError:
            synced = None
        if synced is None or self.set_at is None or self.evaluated_at is None:
            return seconds
        return min(seconds, synced + self.evaluated_at - self.set_at)


def sizes_of(depsgraph):
    """The number of vertices or points of each object that is drawn. Objects with the same data count once."""
    sizes, seen = {}, set()
    for thing in depsgraph.objects:
        data = thing.data
        key = data.as_pointer() if data else 0
        if key in seen or thing.type in {"CAMERA", "LIGHT", "EMPTY", "ARMATURE", "SPEAKER", "LATTICE"}:
            continue
        seen.add(key)
        points = getattr(data, "vertices", None) or getattr(data, "points", None)
        sizes[thing.original.name] = len(points) if points else 1
    return sizes


# Cycles' own seconds before the first sample of a view layer.
SYNC_NOTE = b".synchronization_time\0"


def seconds_in_notes(path):
    """The time of `SYNC_NOTE`, as `00:05.46` or `01:00:05.46`, in a PNG file. None if it has no such note."""
    for kind, content in png_chunks(path):
        if kind == b"tEXt" and SYNC_NOTE in content:
            parts = content.split(b"\0", 1)[1].split(b":")
            try:
                return sum(float(part) * 60**power for power, part in enumerate(reversed(parts)))
            except ValueError:
                return None
    return None


def png_chunks(path):
    """Kinds and contents of the chunks of a PNG file. None of another file."""
    with open(path, "rb") as file:
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            return
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            yield kind, file.read(length)
            file.read(4)


def put_aside(files, name):
    """Renames the files. Returns their new names, with None for those that are missing or cannot be renamed."""
    return [rename(path, f"{path}.{name}") for path in files]


def rename(path, target):
    try:
        os.replace(path, target)
        return target
    except OSError:
        return None


def remove(files):
    for path in files:
        if path and os.path.exists(path):
            os.remove(path)


def found_difference(frame, files, others):
    """The largest difference of all samples of these pairs of pictures, where 1 is white. None if it is unknown."""
    try:
        return max(map(difference_of, files, others))
    except (OSError, RuntimeError, ValueError) as error:
        print(f"Spotreel: could not compare frame {frame}: {error}", flush=True)
        return None


def difference_of(one, other):
    if one is None:
        raise FileNotFoundError(f"a picture like {other} is missing")
    if packed_pixels(one) == packed_pixels(other):
        return 0.0
    ours, theirs = samples_of(one), samples_of(other)
    if ours is None and theirs is None:
        return 0.0
    if ours is None or theirs is None or len(ours) != len(theirs):
        return MOST_DIFFERENCE
    if ours.tobytes() == theirs.tobytes():
        return 0.0
    return min(MOST_DIFFERENCE, max(map(distance, ours, theirs)))


def distance(one, other):
    """0 for two that are no numbers."""
    apart = abs(one - other)
    if apart == apart:
        return apart
    return 0.0 if one == other or (one != one and other != other) else MOST_DIFFERENCE


def packed_pixels(path):
    """What decides the picture: without notes, which have times, for a PNG file, else the whole file."""
    parts = [content for kind, content in png_chunks(path) if kind in {b"IHDR", b"IDAT"}]
    if parts:
        return b"".join(parts)
    with open(path, "rb") as file:
        return file.read()


def samples_of(path):
    """All samples of a picture, unchanged by colour management. None if Python cannot read them, as of many layers."""
    image = bpy.data.images.load(path)
    try:
        image.colorspace_settings.name = "Non-Color"
        if image.type == "MULTILAYER" or not image.has_data and len(image.pixels) == 0:
            return None
        samples = array("f", bytes(4 * len(image.pixels)))
        image.pixels.foreach_get(samples)
        return samples
    finally:
        bpy.data.images.remove(image)
