"""Paths that Blender is to take as they are."""

import bpy


def literal(path):
    """For settings that hold a template: since Blender 5.0 `{name}` is a variable there, and a doubled brace is a brace.

    https://docs.blender.org/manual/en/latest/files/file_paths.html#path-templates
    """
    if bpy.app.version < (5, 0, 0):
        return path
    return path.replace("{", "{{").replace("}", "}}")
