"""Removes scripts from an opened file that Blender runs during a render even if scripts are off (`-Y`).

Blender 3.4 runs Freestyle style modules; 4.5 and 5.2 skip them. Blender 3.4 also runs Python in the name of a line set or
view layer, because it writes the name into a line of Python and does not escape backslashes. Blenders with Open Shading
Language run the shaders of Script nodes, and 4.5 and 5.2 also those of custom cameras. Tried with these three versions; see
docs/adr/0025-scene-scripts-run-only-with-consent.md.
"""

import json

import bpy

# Names of each kind that a line of the log shows.
MOST_NAMES = 5


def remove_scripts():
    """Changes data of the file and of all its libraries. Returns a log line for each kind of removed data."""
    scenes = list(bpy.data.scenes)
    layers = [layer for scene in scenes for layer in scene.view_layers]
    modules = [name for layer in layers for name in remove_modules(layer.freestyle_settings)]
    names = [name for layer in layers for name in replace_unsafe_names(layer)]
    nodes = [name for tree in node_trees() for name in remove_script_nodes(tree)]
    cameras = [name for camera in bpy.data.cameras for name in remove_camera_shader(camera)]
    return [
        *described(modules, "removed Freestyle style modules"),
        *described(names, "renamed Freestyle line sets and view layers"),
        *described(nodes, "removed OSL Script nodes"),
        *described(cameras, "removed OSL shaders of cameras"),
    ]


def remove_modules(settings):
    # Start at the end, because each removal moves the later modules.
    for module in reversed(list(settings.modules)):
        yield module.script.name if module.script else ""
        settings.modules.remove(module)


def replace_unsafe_names(layer):
    for item in [layer, *layer.freestyle_settings.linesets]:
        if is_unsafe(item.name):
            yield item.name
            item.name = "".join("_" if is_unsafe(letter) else letter for letter in item.name)


def is_unsafe(text):
    return any(letter == "\\" or ord(letter) < 32 for letter in text)


def node_trees():
    """All node groups, and the node tree of every data block that has one."""
    for collection in (getattr(bpy.data, name) for name in dir(bpy.data)):
        if isinstance(collection, bpy.types.bpy_prop_collection):
            for data in collection:
                tree = data if isinstance(data, bpy.types.NodeTree) else getattr(data, "node_tree", None)
                if tree is not None:
                    yield tree


def remove_script_nodes(tree):
    for node in [node for node in tree.nodes if node.bl_idname == "ShaderNodeScript"]:
        yield f"{tree.id_data.name} > {node.name}"
        tree.nodes.remove(node)


def remove_camera_shader(camera):
    # Absent in Blender 4.4 and older.
    if not hasattr(camera, "custom_bytecode"):
        return
    if camera.custom_shader or camera.custom_filepath or camera.custom_bytecode:
        yield camera.name
    if camera.type == "CUSTOM":
        camera.type = "PERSP"
    # Clear them for every type, because an animation can change the type back.
    camera.custom_shader = None
    camera.custom_filepath = camera.custom_bytecode = camera.custom_bytecode_hash = ""


def described(names, what):
    if not names:
        return
    shown = ", ".join(json.dumps(name) for name in names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    yield f"Spotreel: scripts are off: {what}: {shown}{more}"
