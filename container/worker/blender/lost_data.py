"""Linked data that its library lacks, because the library is missing, older, newer or changed."""

import os

import bpy
from image_files import place_of
from picture_files import fault_of

# The collection of a library by type of data. Only Blenders that do not mark missing data need it.
COLLECTIONS = {
    "Action": "actions", "Armature": "armatures", "Camera": "cameras", "Collection": "collections", "Curve": "curves",
    "Image": "images", "Lattice": "lattices", "Light": "lights", "Material": "materials", "Mesh": "meshes",
    "MetaBall": "metaballs", "NodeTree": "node_groups", "Object": "objects", "ParticleSettings": "particles",
    "Scene": "scenes", "Texture": "textures", "VectorFont": "fonts", "Volume": "volumes", "World": "worlds",
}  # fmt: skip


class LostData:
    def __init__(self):
        # By pointer. Linked data does not change after the file was opened.
        self.known = {}
        self.names = {}

    def text_of(self, data):
        """What to report about a missing linked data block; None for other data."""
        library = data.library
        # Embedded data, such as node trees of materials, belongs to its owner.
        if library is None or data.is_embedded_data:
            return None
        key = data.as_pointer()
        if key not in self.known:
            self.known[key] = self.judge(data, library)
        return self.known[key]

    def judge(self, data, library):
        # Since 5.0 a file can contain data of its libraries. It does not need them.
        is_held = bool(library.packed_file) or getattr(data, "is_linked_packed", False)
        path = library.filepath
        fault = None if is_held else fault_of(place_of(path, library.parent))
        if fault == "missing":
            return path
        if fault:
            return f"{path} ({fault})"
        if not self.is_missing(data, library, is_held):
            return None
        version = tuple(library.version)
        if version[:2] > bpy.app.version[:2] or (version == (0, 0, 0) and not is_held):
            return f"{path} (not readable by Blender {bpy.app.version_string}; use the Blender that saved it)"
        return f"{data.name} in {path}"

    def is_missing(self, data, library, is_held):
        if hasattr(data, "is_missing"):
            return data.is_missing
        return not is_held and data.name not in self.names_in(library, data)

    def names_in(self, library, data):
        kind = next((one for one in COLLECTIONS if isinstance(data, getattr(bpy.types, one, ()))), None)
        if kind is None:
            return {data.name}
        path = place_of(library.filepath, library.parent)
        if path not in self.names:
            self.names[path] = names_of(path)
        return self.names[path].get(COLLECTIONS[kind], {data.name})

    def read_libraries(self):
        """Lists the content of libraries before a render, if this Blender does not mark missing data."""
        if hasattr(bpy.types.ID, "is_missing") or "is_missing" in bpy.types.ID.bl_rna.properties:
            return
        for library in bpy.data.libraries:
            path = place_of(library.filepath, library.parent)
            if not library.packed_file and os.path.isfile(path):
                self.names[path] = names_of(path)


def names_of(path):
    try:
        with bpy.data.libraries.load(path, link=True) as (found, _):
            return {name: set(getattr(found, name, ())) for name in COLLECTIONS.values()}
    except OSError:
        return {name: set() for name in COLLECTIONS.values()}
