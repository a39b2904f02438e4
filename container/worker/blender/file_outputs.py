"""Keeps the files that the compositor's File Output nodes write.

Each node writes to its own folder in `outputs` in the job's directory, never to the path in the scene. After a frame, its
files are moved to `<frame>-<index>.output` in the job's directory, the only place from which the worker takes files
(docs/adr/0024-separate-scratch-folders.md). File names are those of `blender --render-anim`.
"""

import json
import os
import re
import shutil
import unicodedata

import bpy
from compositor import tree_of

FOLDER = "outputs"

# Limits of one frame. The worker accepts events of up to 64 KiB.
MOST_FILES = 256
MOST_EVENT_BYTES = 60_000

# Maximum characters of a folder name and of each part of a path, and maximum parts of a path.
MOST_LETTERS = 60
MOST_PARTS = 8

# Characters that some systems do not allow in names, besides control characters.
UNSAFE = set(':*?"<>|\\')

# An expression in a path template of Blender 5.
EXPRESSION = re.compile(r"\{[^{}]*\}")
# Expressions whose value is a path. Values of other expressions have no slash.
PATH_EXPRESSION = re.compile(r"\{blend_dir[^{}]*\}")

# Placeholder of the frame number. Blender 5 adds no number to the names of a single frame.
NUMBER = "####"


class FileOutputs:
    """The File Output nodes of a file, redirected to folders in `directory`."""

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
        """Deletes files of a frame that an earlier Blender did not finish."""
        if self.folders:
            shutil.rmtree(self.root, ignore_errors=True)

    def take(self, frame):
        """Moves the files of a frame. Returns a field of an event, in the order of the indexes of the moved files."""
        outputs = []
        for folder in self.folders:
            top = os.path.join(self.root, folder)
            for path in sorted(files_below(top)):
                if len(outputs) == MOST_FILES:
                    raise RuntimeError(f"its File Output nodes wrote more than {MOST_FILES} files, the most that Spotreel keeps")
                os.rename(path, os.path.join(self.directory, f"{frame}-{len(outputs)}.output"))
                outputs.append({"node": folder, "file": safe_path(os.path.relpath(path, top))})
        if len(json.dumps(outputs)) > MOST_EVENT_BYTES:
            raise RuntimeError("the names of the files that its File Output nodes wrote are too long")
        return {"outputs": outputs} if outputs else {}


def output_nodes(scene):
    """All nodes of the file, in the same order in each Blender. The scene's nodes come first and get the plain folder names."""
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
    """The interface offers no video format, but a file can have one."""
    return getattr(node.format, "media_type", "IMAGE") in {"IMAGE", "MULTI_LAYER_IMAGE"} and node.format.file_format not in {"", "FFMPEG"}


def redirect(node, folder):
    is_layered = node.format.file_format == "OPEN_EXR_MULTILAYER"
    if hasattr(node, "directory"):
        # The directory is a template, in which a doubled brace is a brace.
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
        # The last part of the path is the start of the file name.
        node.base_path = os.path.join(folder, file_path(node.base_path.replace("\\", "/").rpartition("/")[2]))
        return
    node.base_path = os.path.join(folder, "")
    for slot in node.file_slots:
        # Without a name, Blender 3.4 would write outside of the folder.
        path = file_path(slot.path)
        path += NUMBER if path.endswith("/") or not path else ""
        if path != slot.path:
            slot.path = path


def number_of(path):
    """What to append to a path, so Blender adds the frame number."""
    return "" if "#" in EXPRESSION.sub("", path.rpartition("/")[2]) else NUMBER


def file_path(text):
    """A path that stays in the folder to which it is appended."""
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
    """The path under which a file is stored."""
    letters = path.replace(os.sep, "/")
    return "".join("_" if letter in UNSAFE or unicodedata.category(letter)[0] == "C" else letter for letter in letters)


def folder_name(text):
    letters = unicodedata.normalize("NFC", text)
    safe = "".join(letter if unicodedata.category(letter)[0] in "LMN" or letter in "-_." else "_" for letter in letters)
    return safe[:MOST_LETTERS].strip(".") or "File_Output"


def unique(name, others):
    """A name that differs from `others` on every disk, also if upper and lower case are the same there."""
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
