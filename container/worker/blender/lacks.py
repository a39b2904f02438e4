"""Stops a frame with missing files before Blender draws it. With force, it renders the frame and reports the files."""

import os
import traceback

import bpy
from missing_files import MissingFiles
from strip_use import is_sequenced

# The worker accepts events of up to 64 KiB. A path has up to 1 KiB, and JSON can make it six times as long.
MOST_FILES = 10


class Nothing(bpy.types.RenderEngine):
    """A renderer that draws nothing. Blender prepares the scene for it as for any other."""

    bl_idname = "SPOTREEL_NOTHING"
    bl_label = "Nothing"

    def render(self, depsgraph):
        pass


class Lacks:
    """Checks frames for missing files. Blender cannot cancel a frame that it prepares, so without force this exits Blender."""

    def __init__(self, tell, force):
        self.tell = tell
        self.force = force
        self.missing = MissingFiles()
        self.missing.lost.read_libraries()
        self.frame = None
        self.files = set()
        # For motion blur, Blender evaluates the graph at several times. Only the first is the frame.
        self.seen = set()
        # An earlier Blender exited because a frame had missing files. Other frames may have some, too.
        self.probing = os.environ.get("SPOTREEL_PROBE") == "1"
        self.stays = False

    def listen(self):
        bpy.utils.register_class(Nothing)
        bpy.app.handlers.render_pre.append(self.on_scene)
        bpy.app.handlers.frame_change_post.append(self.on_graph)

    def begin(self, frame):
        self.frame = frame
        self.files.clear()
        self.seen.clear()

    def holds_up(self, scene):
        """Without force, whether files are missing that can be found before the render. Blender keeps running."""
        if self.force:
            return False
        self.look(lambda: self.missing.of_scene(scene, self.frame)[0], stays=True)
        if not self.files and self.probing:
            self.probe(scene)
            # The next frames probably have all files.
            self.probing = bool(self.files)
        if self.files:
            self.report("missing", stays=True)
        return bool(self.files)

    def probe(self, scene):
        """Makes Blender prepare the frame without drawing it, with the renderer `Nothing` in a copy of each scene."""
        scenes = [] if is_sequenced(scene) else [(scene, self.frame)]
        for one, frame in scenes + self.missing.of_scene(scene, self.frame)[1]:
            one.frame_set(frame)
            copy = one.copy()
            self.missing.engines[copy.name] = one.render.engine
            try:
                copy.render.engine = Nothing.bl_idname
                copy.render.use_compositing = copy.render.use_sequencer = False
                copy.frame_current = frame
                self.stays = True
                bpy.ops.render.render(scene=copy.name)
            except RuntimeError as error:
                print(f"Spotreel: could not check for missing files in advance: {error}", flush=True)
            finally:
                self.stays = False
                bpy.data.scenes.remove(copy)
            if self.files:
                return

    def end(self):
        """Reports missing files of the drawn frame."""
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

    def look(self, find, stays=False):
        try:
            self.files.update(find())
        except Exception:
            # A scene in which the search fails still renders. Blender also would only print the error.
            traceback.print_exc()
            print("Spotreel: could not check for missing files in this frame", flush=True)
        if self.files and not (self.force or stays or self.stays):
            self.report("missing")
            os._exit(0)

    def report(self, event, **fields):
        files = sorted(self.files)
        more = max(0, len(files) - MOST_FILES)
        self.tell(event, frame=self.frame, files=files[:MOST_FILES], more=more, **fields)
