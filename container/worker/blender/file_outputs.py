"""Keeps what the compositor's File Output nodes write.

Each node gets a folder of its own below `outputs` in the job's directory, so that nothing is written where the scene says. After a
frame its files are moved into the job's directory itself, as `<frame>-<index>.output`: the worker takes files from there alone (see
docs/adr/0024-separate-scratch-folders.md). File names are those of `blender --render-anim`.
"""

import json
import os
import re
import shutil
import unicodedata

import bpy
from compositor import tree_of

FOLDER = "outputs"

# Of one frame. The worker takes a line of up to 64 KiB for an event.
MOST_FILES = 256
MOST_EVENT_BYTES = 60_000

# Characters of a folder's name and of each part of a file's path, and parts of a path.
MOST_LETTERS = 60
MOST_PARTS = 8

# What a name cannot have on every system, besides control characters.
UNSAFE = set(':*?"<>|\\')

# Of the templates of Blender 5.
EXPRESSION = re.compile(r"\{[^{}]*\}")
# Expressions whose value is a path; the value of any other cannot hold a slash.
PATH_EXPRESSION = re.compile(r"\{blend_dir[^{}]*\}")

# The place of the frame's number. Blender 5 adds none to the names of a single frame.
NUMBER = "####"


class FileOutputs:
    """The File Output nodes of a file, after they were redirected into folders below `directory`."""

    def __init__(self, scene, directory):
        self.directory = directory
        self.root = os.path.join(directory, FOLDER)
        self.folders = []
        for node in output_nodes(scene):
            if not writes_pictures(node):
                print(f"Spotreel: muted the File Output node {json.dumps(node.name)}, which writes a video")
                node.mute = True
                continue
            folder = unique(folder_name(node.label or node.name), self.folders)
            self.folders.append(folder)
            redirect(node, os.path.join(self.root, folder))

    def clear(self):
        """Before a frame: an earlier Blender may have ended within one."""
        if self.folders:
            shutil.rmtree(self.root, ignore_errors=True)

    def take(self, frame):
        """Moves what a frame has written; gives it as a field of an event, in the order of the moved files' indices."""
        outputs = []
        for folder in self.folders:
            top = os.path.join(self.root, folder)
            for path in sorted(files_below(top)):
                if len(outputs) == MOST_FILES:
                    raise RuntimeError(f"its File Output nodes wrote more than {MOST_FILES} files, which is the most that Spotreel keeps")
                os.rename(path, os.path.join(self.directory, f"{frame}-{len(outputs)}.output"))
                outputs.append({"node": folder, "file": safe_path(os.path.relpath(path, top))})
        if len(json.dumps(outputs)) > MOST_EVENT_BYTES:
            raise RuntimeError("the names of the files that its File Output nodes wrote are too long")
        return {"outputs": outputs} if outputs else {}


def output_nodes(scene):
    """All of the file, in the same order in each Blender: those of the scene first, so that their folders have the plain names."""
    seen = set()
    for tree in [tree_of(scene), *map(tree_of, bpy.data.scenes), *bpy.data.node_groups]:
        yield from nodes_in(tree, seen)


def nodes_in(tree, seen):
    if tree is None or tree in seen:
        return
    seen.add(tree)
    for node in tree.nodes:
        if node.bl_idname == "CompositorNodeOutputFile":
            yield node
        elif node.bl_idname == "CompositorNodeGroup":
            yield from nodes_in(node.node_tree, seen)


def writes_pictures(node):
    """The interface offers no video, but a file may hold one."""
    return getattr(node.format, "media_type", "IMAGE") in {"IMAGE", "MULTI_LAYER_IMAGE"} and node.format.file_format not in {"", "FFMPEG"}


def redirect(node, folder):
    is_layered = node.format.file_format == "OPEN_EXR_MULTILAYER"
    if hasattr(node, "directory"):
        # A template of its own: braces of the path itself are doubled.
        node.directory = folder.replace("{", "{{").replace("}", "}}")
        node.file_name = file_path(node.file_name)
        if is_layered:
            node.file_name += number_of(node.file_name)
        for item in [] if is_layered else node.file_output_items:
            name = file_path(item.name)
            name += number_of(node.file_name + name)
            if name != item.name:
                item.name = name
        return
    if is_layered:
        # Its last part begins the file's name.
        node.base_path = os.path.join(folder, file_path(node.base_path.replace("\\", "/").rpartition("/")[2]))
        return
    node.base_path = os.path.join(folder, "")
    for slot in node.file_slots:
        # Without a name, Blender 3.4 would write beside the folder.
        path = file_path(slot.path)
        path += NUMBER if path.endswith("/") or not path else ""
        if path != slot.path:
            slot.path = path


def number_of(path):
    """What is missing from a path so that Blender puts the frame's number into it."""
    return "" if "#" in EXPRESSION.sub("", path.rpartition("/")[2]) else NUMBER


def file_path(text):
    """A path that leads nowhere but below the folder that it is appended to."""
    text = PATH_EXPRESSION.sub("_", text).replace("\\", "/")
    parts = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part[:MOST_LETTERS])
    path = "/".join(parts[-MOST_PARTS:])
    if not path:
        return ""
    return f"{'/' if text.startswith('/') else ''}{path}{'/' if text.endswith('/') else ''}"


def safe_path(path):
    """The path under which a file is kept."""
    letters = path.replace(os.sep, "/")
    return "".join("_" if letter in UNSAFE or unicodedata.category(letter)[0] == "C" else letter for letter in letters)


def folder_name(text):
    letters = unicodedata.normalize("NFC", text)
    safe = "".join(letter if unicodedata.category(letter)[0] in "LMN" or letter in "-_." else "_" for letter in letters)
    return safe[:MOST_LETTERS].strip(".") or "File_Output"


def unique(name, others):
    """No disk can take two of them for one, whether it tells capitals apart or not."""
    taken = {other.casefold() for other in others}
    number = 2
    wanted = name
    while wanted.casefold() in taken:
        wanted = f"{name}-{number}"
        number += 1
    return wanted


def files_below(folder):
    for path, _, names in os.walk(folder):
        yield from (os.path.join(path, name) for name in names)
