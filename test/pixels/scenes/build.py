"""Builds scenes: `blender --background --factory-startup --python build.py -- FOLDER NAME…`, or the same by Python with
bpy. Each comes into FOLDER/NAME; FOLDER/faults.json says of each that could not be built why.
"""

import importlib
import json
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(HERE)
folder, *names = sys.argv[sys.argv.index("--") + 1 :]
folder = os.path.abspath(folder)

import kit  # noqa: E402

for file in sorted(os.listdir(HERE)):
    if file.endswith(".py") and file not in ("kit.py", "build.py"):
        importlib.import_module(file[:-3])

faults = {}
for name in names:
    os.makedirs(os.path.join(folder, name))
    os.chdir(os.path.join(folder, name))
    try:
        kit.FEATURES[name]()
    except Exception:
        faults[name] = traceback.format_exc(limit=-3)
with open(os.path.join(folder, "faults.json"), "w", encoding="utf-8") as file:
    json.dump(faults, file)
# Not by way of the module's own ending, which may hang (4.5).
sys.stdout.flush()
os._exit(0)
