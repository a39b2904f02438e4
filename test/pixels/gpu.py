"""Has Cycles render the open file by all GPUs of its fastest backend, as Spotreel does for `--device gpu`.

It prints `GPU: <backend>`, and fails without a GPU.
"""

import bpy


def use_gpus():
    preferences = bpy.context.preferences.addons["cycles"].preferences
    for kind in ("OPTIX", "CUDA", "HIP", "ONEAPI", "METAL"):
        try:
            preferences.compute_device_type = kind
        except TypeError:
            # This Blender was built without this backend.
            continue
        preferences.get_devices()
        if any(device.type == kind for device in preferences.devices):
            for device in preferences.devices:
                device.use = device.type == kind
            return kind
    raise RuntimeError("Cycles finds no GPU")


kind = use_gpus()
for scene in bpy.data.scenes:
    scene.cycles.device = "GPU"
print(f"GPU: {kind}", flush=True)
