"""Holds up a frame that lacks files before anything of it is drawn; with force it lets it pass and reports what it lacks."""

import os
import traceback

import bpy
from missing_files import MissingFiles

# The worker takes a line of up to 64 KiB for an event: paths have up to 1 KiB, which JSON may write six times as long.
MOST_FILES = 10


class Lacks:
    """`tell` writes an event. Blender can't be told to give up a frame while it prepares it, so without force it is left."""

    def __init__(self, tell, force):
        self.tell = tell
        self.force = force
        self.missing = MissingFiles()
        self.missing.lost.read_libraries()
        self.frame = None
        self.files = set()
        # Of motion blur the graph is evaluated for other times, too: only the first one is the frame's.
        self.seen = set()

    def listen(self):
        bpy.app.handlers.render_pre.append(self.on_scene)
        bpy.app.handlers.frame_change_post.append(self.on_graph)

    def begin(self, frame):
        self.frame = frame
        self.files.clear()
        self.seen.clear()

    def end(self):
        """Once the frame is drawn."""
        if self.files:
            self.report("lacking")

    def on_scene(self, scene, *_):
        if scene.name not in self.seen:
            self.seen.add(scene.name)
            self.look(lambda: self.missing.of_scene(scene, scene.frame_current)[0])

    def on_graph(self, scene, depsgraph=None):
        if depsgraph is None or depsgraph.mode != "RENDER":
            return
        key = (scene.name, depsgraph.view_layer.name)
        if key not in self.seen:
            self.seen.add(key)
            self.look(lambda: self.missing.of_graph(depsgraph))

    def look(self, find):
        try:
            self.files.update(find())
        except Exception:
            # An odd scene is no reason to lose its frames, and Blender would only print this, too.
            traceback.print_exc()
            print("Spotreel: could not look for missing files in this frame", flush=True)
        if self.files and not self.force:
            self.report("missing")
            os._exit(0)

    def report(self, event):
        files = sorted(self.files)
        self.tell(event, frame=self.frame, files=files[:MOST_FILES], more=max(0, len(files) - MOST_FILES))
