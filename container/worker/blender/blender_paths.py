"""Paths that Blender must use unchanged."""

import bpy


def literal(path):
    """Escapes a path for settings that are templates: since Blender 5.0 `{name}` is a variable, and `{{` is a brace.

    https://docs.blender.org/manual/en/latest/files/file_paths.html#path-templates
    """
    if bpy.app.version < (5, 0, 0):
        return path
    return path.replace("{", "{{").replace("}", "}}")
