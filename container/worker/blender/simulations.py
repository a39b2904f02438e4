"""Plays simulations without a bake. Blender computes their frames one after another, from the first frame.

A render evaluates the scene in its own dependency graph, which only reads the cache of a simulation. So `blender -a` does
not move rigid bodies, soft bodies and simulation zones that were never played. If every earlier frame is played, as the
timeline does, the images equal those of the same scene after a bake, bit by bit.
"""

import os

import bpy
from compositor import drawn_scenes

# Physics of particles for which Blender needs all earlier frames.
MOVED_BY_PHYSICS = {"NEWTON", "BOIDS", "FLUID"}

SIMULATION_NODE = "GeometryNodeSimulationOutput"


class Simulations:
    """Plays the simulations of a scene up to a frame, without playing a frame twice."""

    def __init__(self, scene):
        starts = {each: first_frame(each) for each in rendered_scenes(scene)}
        self.starts = {each: start for each, start in starts.items() if start is not None}
        self.at = None

    def play(self, frame, report):
        """Sets the scenes to `frame`. Calls `report` with each frame that it plays."""
        if not self.starts:
            return
        begin = min(self.starts.values()) if self.at is None or self.at > frame else self.at + 1
        for each in range(min(begin, frame), frame + 1):
            report(each)
            for scene in self.starts:
                scene.frame_set(each)
        self.at = frame


def rendered_scenes(scene):
    """The scene, and the scenes that its compositor renders."""
    return list(dict.fromkeys([scene, *drawn_scenes(scene)]))


def first_frame(scene):
    """The first frame of the earliest simulation without a bake, or None."""
    starts = [*rigid_body_starts(scene)]
    for item in objects_of(scene):
        for modifier in item.modifiers:
            if modifier.show_render:
                starts.extend(modifier_starts(modifier, scene))
    return min(starts, default=None)


def objects_of(scene):
    """The objects of a scene, with those of instanced collections."""
    seen = {}
    waiting = [*scene.objects, *(scene.background_set.objects if scene.background_set else [])]
    while waiting:
        item = waiting.pop()
        if item is None or item in seen:
            continue
        seen[item] = True
        if item.instance_collection:
            waiting.extend(item.instance_collection.all_objects)
    return list(seen)


def rigid_body_starts(scene):
    world = scene.rigidbody_world
    if world is None or not world.enabled or world.collection is None:
        return []
    bodies = [item.rigid_body for item in world.collection.all_objects if item.rigid_body]
    if not any(body.type == "ACTIVE" and body.enabled for body in bodies):
        return []
    return cache_starts(world.point_cache)


def modifier_starts(modifier, scene):
    if modifier.type in {"CLOTH", "SOFT_BODY"}:
        return cache_starts(modifier.point_cache)
    if modifier.type == "PARTICLE_SYSTEM":
        return particle_starts(modifier.particle_system)
    if modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings:
        surfaces = modifier.canvas_settings.canvas_surfaces
        active = [each for each in surfaces if each.is_active and each.surface_format == "VERTEX"]
        return [start for each in active for start in cache_starts(each.point_cache)]
    if modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
        domain = modifier.domain_settings
        return [domain.cache_frame_start] if domain.cache_type == "REPLAY" else []
    if modifier.type == "NODES" and has_unbaked_zone(modifier):
        return [scene.frame_start]
    return []


def cache_starts(cache):
    return [] if cache is None or cache.is_baked or cache.use_external else [cache.frame_start]


def particle_starts(system):
    settings = system and system.settings
    if not settings:
        return []
    if settings.type == "HAIR":
        return cache_starts(system.point_cache) if system.use_hair_dynamics else []
    return cache_starts(system.point_cache) if settings.physics_type in MOVED_BY_PHYSICS else []


def has_unbaked_zone(modifier):
    if not has_zone(modifier.node_group, set()):
        return False
    # Blender before 4.1 has no list of bakes.
    bakes = [bake for bake in getattr(modifier, "bakes", []) if bake.node and bake.node.bl_idname == SIMULATION_NODE]
    return not bakes or not all(is_baked_on_disk(bake, modifier) for bake in bakes)


def has_zone(group, seen):
    if group is None or group in seen:
        return False
    seen.add(group)
    return any(node.bl_idname == SIMULATION_NODE or has_zone(inner_group(node), seen) for node in group.nodes)


def inner_group(node):
    return getattr(node, "node_tree", None)


def is_baked_on_disk(bake, modifier):
    """False for a packed bake, because Python cannot see it. Playing it changes nothing."""
    if bake.use_custom_path:
        folder = bake.directory
    elif modifier.bake_directory:
        folder = os.path.join(modifier.bake_directory, str(bake.bake_id))
    else:
        return False
    meta = os.path.join(bpy.path.abspath(folder, library=modifier.id_data.library), "meta")
    return os.path.isdir(meta) and len(os.listdir(meta)) > 0
