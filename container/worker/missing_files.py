"""Which files a frame needs that Blender can't find: of what the render's own dependency graph holds, nothing else.

Blender draws a missing texture pink and leaves out what a missing library holds, and says so in few versions and in none
the same way (https://projects.blender.org/blender/blender, intern/cycles/scene/image.cpp), so it is looked up here.
"""

import os

import bpy

# Blender's own font, which is in no file.
BUILT_IN = "<builtin>"


def missing_files(depsgraph):
    """Paths as they stand in the scene, sorted, each once."""
    missing = set()
    for data in depsgraph.ids:
        original = data.original
        library = original.library
        if is_lost(original, library):
            missing.add(library.filepath)
        elif isinstance(original, bpy.types.Image):
            missing.update(missing_of_image(original, library))
        elif isinstance(original, (bpy.types.VectorFont, bpy.types.MovieClip, bpy.types.CacheFile, bpy.types.Volume)):
            missing.update(missing_of_file(original, library))
        # On the copy that was evaluated: only it knows which picture of a sequence this frame shows.
        missing.update(missing_of_sequences(data))
    return sorted(missing)


def is_lost(data, library):
    """Whether it is linked from a file that is not there, or no longer in it."""
    if library is None or getattr(library, "packed_file", None):
        return False
    return getattr(data, "is_missing", False) or not os.path.exists(bpy.path.abspath(library.filepath))


def missing_of_image(image, library):
    if len(image.packed_files) > 0 or not image.filepath:
        return []
    if image.source in {"FILE", "MOVIE"}:
        return [] if is_there(image.filepath, library) else [image.filepath]
    if image.source == "TILED":
        paths = [image.filepath.replace("<UDIM>", str(tile.number)) for tile in image.tiles]
        return [path for path in paths if not is_there(path, library)]
    return []


def missing_of_file(data, library):
    path = data.filepath
    if not path or path == BUILT_IN or getattr(data, "packed_file", None):
        return []
    # Their pictures are found by Blender, frame by frame, in ways of their own.
    if getattr(data, "is_sequence", False) or getattr(data, "source", "") == "SEQUENCE":
        return []
    return [] if is_there(path, library) else [path]


def missing_of_sequences(data):
    tree = data if isinstance(data, bpy.types.NodeTree) else None
    for node in tree.nodes if tree else []:
        image, user = getattr(node, "image", None), getattr(node, "image_user", None)
        if image is None or user is None or image.source != "SEQUENCE" or len(image.packed_files) > 0:
            continue
        path = image.filepath_from_user(image_user=user)
        if not os.path.exists(path):
            yield f"{os.path.dirname(image.filepath)}/{os.path.basename(path)}"


def is_there(path, library):
    return os.path.exists(bpy.path.abspath(path, library=library))
