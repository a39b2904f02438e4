"""Faults of the files that the modifiers, constraints and simulations of an object read for one frame."""

import os
import re

import bpy
from image_files import faults_at, faults_of_cache_file, place_of

# Modifiers that read files themselves or through the data that they use.
READERS = {
    "CLOTH", "DYNAMIC_PAINT", "FLUID", "MESH_CACHE", "MESH_SEQUENCE_CACHE", "NODES", "OCEAN", "PARTICLE_SYSTEM",
    "SOFT_BODY",
}  # fmt: skip


def reads_files(thing):
    """Whether an object may read files. Its modifiers do not change while frames render."""
    return (
        any(one.type in READERS or hasattr(one, "texture") or hasattr(one, "mask_texture") for one in thing.modifiers)
        or any(one.type == "TRANSFORM_CACHE" for one in thing.constraints)
        or (thing.field is not None and thing.field.texture is not None)
    )


def faults_of_object(thing, original, frame):
    """Faults of an evaluated object, without geometry nodes and textures."""
    files = []
    for constraint in thing.constraints:
        if constraint.type == "TRANSFORM_CACHE" and constraint.enabled and constraint.cache_file:
            files += faults_of_cache_file(constraint.cache_file.original, frame)
    for modifier in thing.modifiers:
        if not modifier.show_render:
            continue
        kind = modifier.type
        if kind == "MESH_CACHE":
            files += faults_at(modifier.filepath, original.library)
        elif kind == "MESH_SEQUENCE_CACHE" and modifier.cache_file:
            files += faults_of_cache_file(modifier.cache_file.original, frame)
        elif kind in {"CLOTH", "SOFT_BODY"}:
            files += faults_of_points(modifier.point_cache, original, frame)
        elif kind == "PARTICLE_SYSTEM":
            files += faults_of_points(modifier.particle_system.point_cache, original, frame)
        elif kind == "DYNAMIC_PAINT" and modifier.canvas_settings:
            for surface in modifier.canvas_settings.canvas_surfaces:
                if surface.is_active:
                    files += faults_of_points(surface.point_cache, original, frame)
        elif kind == "FLUID" and modifier.fluid_type == "DOMAIN":
            files += faults_of_fluid(modifier.domain_settings, original, frame)
        elif kind == "OCEAN" and modifier.is_cached:
            at = min(max(frame, modifier.frame_start), modifier.frame_end)
            files += faults_at(os.path.join(modifier.filepath, f"disp_{at:04d}.exr"), original.library)
    return files


def faults_of_points(cache, owner, frame):
    """A bake on disk has a file for every step. Between two steps Blender interpolates (`BKE_ptcache_read`)."""
    if not cache or not (cache.use_external or (cache.use_disk_cache and cache.is_baked)):
        return []
    # At its start, a simulation reads no cache.
    at = min(frame, cache.frame_end)
    if at <= cache.frame_start:
        return []
    step = max(1, cache.frame_step)
    before = cache.frame_start + (at - cache.frame_start) // step * step
    wanted = {at} if step == 1 else {before, min(before + step, cache.frame_end)}
    folder, library = points_folder(cache, owner)
    if not folder or not os.path.isdir(place_of(folder, library)):
        return [folder] if folder else []
    start = points_name(cache, owner)
    there = [name for name in os.listdir(place_of(folder, library)) if name.startswith(f"{start}_")]
    files = []
    for number in sorted(wanted):
        if number == at and step > 1 and any(is_frame(name, start, at) for name in there):
            return []
        found = [name for name in there if is_frame(name, start, number)]
        if not found:
            # The first frame of a bake may have no file, because it comes from the scene.
            if number > cache.frame_start:
                files.append(f"{folder}/{start}_{number:06d}_{max(0, cache.index):02d}.bphys")
        else:
            files += faults_at(f"{folder}/{found[0]}", library)
    return files


def is_frame(name, start, number):
    return re.match(rf"_{number:06d}(_\d+)?\.", name[len(start) :]) is not None


def points_folder(cache, owner):
    """The folder of a point cache, as in `ptcache_path`."""
    library = owner.library
    if cache.use_external:
        return cache.filepath.rstrip("/\\"), library if cache.use_library_path else None
    file = library.filepath if library else bpy.data.filepath
    stem = os.path.splitext(re.split(r"[/\\]", file)[-1])[0]
    return f"//blendcache_{stem}", library


def points_name(cache, owner):
    """The start of file names, as in `ptcache_filename`: the cache's name, or the object's name in hexadecimal."""
    if cache.name or cache.use_external:
        return cache.name
    return "".join(f"{byte:02X}" for byte in owner.name.encode())


def faults_of_fluid(domain, owner, frame):
    """A baked fluid has files for each frame, in a folder for each kind of data."""
    at = min(frame, domain.cache_frame_end) - domain.cache_frame_offset
    if frame < domain.cache_frame_start:
        return []
    baked = (
        (domain.has_cache_baked_data, "data", True),
        (domain.has_cache_baked_noise, "noise", domain.use_noise),
        (domain.has_cache_baked_mesh, "mesh", domain.use_mesh),
    )
    files = []
    for is_baked, kind, is_used in baked:
        if not is_baked or not is_used:
            continue
        folder = f"{domain.cache_directory.rstrip('/')}/{kind}"
        try:
            names = os.listdir(place_of(folder, owner.library))
        except OSError:
            files.append(folder)
            continue
        if not any(re.search(rf"_{at:04d}\.", name) for name in names):
            files.append(f"{folder}/fluid_{kind}_{at:04d}")
    return files


def faults_of_bakes(modifier, live_names, owner, frame):
    """Bakes of geometry nodes: `meta/<frame>_<subframe>.json` for each frame, which names files in `blobs/`."""
    files = []
    for bake in getattr(modifier, "bakes", ()):
        target = modifier.bake_target if bake.bake_target == "INHERIT" else bake.bake_target
        if target != "DISK" or bake.node is None or bake.node.name not in live_names:
            continue
        folder = bake.directory if bake.use_custom_path else modifier.bake_directory
        if not folder:
            continue
        folder = folder.rstrip("/\\")
        if not os.path.isdir(place_of(folder, owner.library)):
            # The scene does not record whether it was baked, only the folder.
            files.append(folder)
            continue
        inner = folder if bake.use_custom_path else f"{folder}/{bake.bake_id}"
        files += faults_of_bake(f"{inner}/meta", bake, owner, frame)
    return files


def faults_of_bake(meta, bake, owner, frame):
    try:
        names = sorted(os.listdir(place_of(meta, owner.library)))
    except OSError:
        return [meta]
    frames = sorted({int(name[:5]) for name in names if re.match(r"\d{5}_\d+\.json$", name)})
    if not frames:
        return [meta]
    if bake.bake_mode == "STILL" or frame <= frames[0] or frame in frames:
        found = next((name for name in names if name.startswith(f"{frame:05d}_")), names[0])
        return faults_at(f"{meta}/{found}", owner.library)
    last = bake.frame_end if bake.use_custom_simulation_frame_range else frames[-1]
    return [f"{meta}/{frame:05d}_00000.json"] if frame < last else []
