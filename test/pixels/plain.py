"""Renders several scenes in one Blender, each as `blender --background FILE --render-anim` does: most of such a small render
is Blender's start. `blender --background --factory-startup --python plain.py -- JOBS.json`, or Python with bpy.

A job has `file`, `out` (`…/####`), and optionally `scene` and `plainly`, a line of Python.
"""

import json
import os
import sys
import traceback

import bpy

with open(sys.argv[sys.argv.index("--") + 1], encoding="utf-8") as file:
    jobs = json.load(file)
for job in jobs:
    try:
        bpy.ops.wm.open_mainfile(filepath=job["file"], load_ui=False, use_scripts=False)
        if job.get("scene"):
            bpy.context.window.scene = bpy.data.scenes[job["scene"]]
        exec(job.get("plainly") or "", {"bpy": bpy})
        render = bpy.context.scene.render
        render.filepath, render.threads_mode, render.threads = job["out"], "FIXED", 1
        bpy.ops.render.render(animation=True)
    except Exception:
        # The harness renders by itself what is missing.
        traceback.print_exc()
# Not by way of the module's own ending, which may hang (4.5).
sys.stdout.flush()
os._exit(0)
