"""Faults of the files that an image, a clip or another data block reads for one frame."""

import os
import re

import bpy
from picture_files import fault_of

# Blender's own font, which has no file.
BUILT_IN = "<builtin>"


def place_of(path, library):
    return bpy.path.abspath(path, library=library)


def faults_at(path, library=None):
    """The path in the scene and its fault, or only the path if the file is missing. Empty if the file is whole."""
    if not path:
        return []
    fault = fault_of(place_of(path, library))
    return [] if fault is None else [path if fault == "missing" else f"{path} ({fault})"]


def faults_of_data(data):
    """Faults of data whose file is in `filepath`, such as fonts."""
    path = data.filepath
    if path == BUILT_IN or getattr(data, "packed_file", None):
        return []
    return faults_at(path, data.library)


def numbered(path, number):
    """The path of one image of a sequence. Its number replaces the last digits, as in `BLI_path_sequence_decode`."""
    folder, name = re.fullmatch(r"(.*[/\\])?([^/\\]*)", path, re.S).groups()
    stem, ending = os.path.splitext(name)
    found = re.search(r"\d+(?=\D*$)", stem)
    if not found:
        return path
    digits = f"{'-' if number < 0 else ''}{abs(number):0{len(found.group())}d}"
    return f"{folder or ''}{stem[: found.start()]}{digits}{stem[found.end() :]}{ending}"


def sequence_number(user, frame):
    """The number of the image at a frame, as in `BKE_image_user_frame_get`; None before the first image."""
    length = user.frame_duration
    at = frame - user.frame_start + 1
    if length <= 0 or (at < 1 and not user.use_cyclic):
        return None
    at = (at - 1) % length + 1 if user.use_cyclic else min(at, length)
    return at + user.frame_offset


def faults_of_image(image, user, frame, scene, tiles=None):
    """`user` is an image user, or a node that is one. `tiles` are the UDIM tiles in use, None for all."""
    library = image.library
    if len(image.packed_files) > 0 or not image.filepath:
        return []
    if image.source == "SEQUENCE":
        number = sequence_number(user, frame) if user else frame
        return [] if number is None else faults_at(numbered(image.filepath, number), library)
    if image.source == "TILED":
        numbers = [tile.number for tile in image.tiles if tiles is None or tile.number in tiles]
        return [text for number in numbers for text in faults_at(tile_path(image.filepath, number), library)]
    if image.source not in {"FILE", "MOVIE"}:
        return []
    if image.use_multiview and image.views_format == "INDIVIDUAL":
        if isinstance(user, bpy.types.ImageUser):
            return faults_of_shown_view(image, user)
        return faults_of_views(image.filepath, library, scene)
    return faults_at(image.filepath, library)


def tile_path(path, number):
    """Replaces both patterns of Blender, as in `BKE_image_set_filepath_from_tile_number`."""
    u, v = (number - 1001) % 10 + 1, (number - 1001) // 10 + 1
    return path.replace("<UDIM>", str(number)).replace("<UVTILE>", f"u{u}_v{v}")


def faults_of_shown_view(image, user):
    """Python cannot read the paths of the views, but Blender names the one that the image user shows."""
    shown = image.filepath_from_user(image_user=user)
    fault = fault_of(shown)
    if fault is None:
        return []
    folder = image.filepath[: len(image.filepath) - len(os.path.basename(image.filepath))]
    name = os.path.basename(shown)
    text = folder + name if os.path.normpath(place_of(folder + name, image.library)) == os.path.normpath(shown) else shown
    return [text if fault == "missing" else f"{text} ({fault})"]


def faults_of_views(path, library, scene):
    """Images of a stereo pair have the suffixes of the scene's views. Without stereo, Blender shows the first."""
    whole = faults_at(path, library)
    if not whole:
        return []
    stem, ending = os.path.splitext(path)
    views = [view for view in scene.render.views if view.use]
    for view in views if scene.render.use_multiview else views[:1]:
        if stem.endswith(view.file_suffix):
            return whole
    paths = [f"{stem}{view.file_suffix}{ending}" for view in views]
    return [text for one in (paths if scene.render.use_multiview else paths[:1]) for text in faults_at(one, library)]


def faults_of_clip(clip, frame):
    if clip.source != "SEQUENCE":
        return faults_at(clip.filepath, clip.library)
    found = re.search(r"(\d+)\D*$", os.path.splitext(os.path.basename(clip.filepath))[0])
    first = int(found.group(1)) if found else 0
    return faults_at(numbered(clip.filepath, first + frame - clip.frame_start + clip.frame_offset), clip.library)


def faults_of_volume(volume, frame):
    if getattr(volume, "packed_file", None):
        return []
    if not volume.is_sequence:
        return faults_at(volume.filepath, volume.library)
    number = volume_number(volume, frame)
    return [] if number is None else faults_at(numbered(volume.filepath, number), volume.library)


def volume_number(volume, frame):
    """The number of the volume at a frame, as in `volume_sequence_frame` of `volume.cc`; None if none is shown."""
    length, mode = volume.frame_duration, volume.sequence_mode
    at = frame - volume.frame_start + 1
    if length <= 0 or (mode == "CLIP" and not 1 <= at <= length):
        return None
    if mode == "EXTEND":
        at = min(max(at, 1), length)
    elif mode == "REPEAT":
        at = (at - 1) % length + 1
    elif mode == "PING_PONG":
        there_and_back = max(1, 2 * length - 2)
        at = (at - 1) % there_and_back + 1
        at = 2 * length - at if at > length else at
    return at + volume.frame_offset


def faults_of_cache_file(cache, frame):
    """Alembic and USD: one file or one for each frame, and the files of its layers."""
    at = cache.frame if cache.override_frame else frame
    path = numbered(cache.filepath, int(at)) if cache.is_sequence else cache.filepath
    layers = [layer.filepath for layer in getattr(cache, "layers", ()) if not layer.hide_layer]
    return [text for one in (path, *layers) for text in faults_at(one, cache.library)]


def faults_of_font(curve):
    """A text reads only the font files of the styles that its letters have."""
    letters = curve.body_format
    faces = {(letter.use_bold, letter.use_italic) for letter in letters} or {(False, False)}
    fonts = {
        (False, False): curve.font,
        (True, False): curve.font_bold,
        (False, True): curve.font_italic,
        (True, True): curve.font_bold_italic,
    }
    if not curve.body:
        return []
    return [text for face in faces if fonts[face] for text in faults_of_data(fonts[face])]
