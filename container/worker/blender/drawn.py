"""The materials, UDIM tiles and lights that a render's dependency graph draws."""

from array import array
from math import ceil, floor

# UVs on the border of a tile reach no pixel of the next tile.
NEARLY = 1e-5


class Drawn:
    """The drawn part of `wanted`, which maps the pointer of a material to UV maps whose tiles are needed."""

    def __init__(self, depsgraph, wanted):
        self.wanted = wanted
        self.materials = set()
        self.lights = set()
        # Numbers of UDIM tiles by material and UV map.
        self.tiles = {}
        self.override = getattr(depsgraph.view_layer_eval, "material_override", None)
        seen = set()
        for instance in depsgraph.object_instances:
            thing = instance.object
            data = thing.data
            key = (thing.original.as_pointer(), data.as_pointer() if data else 0, instance.show_self)
            if key not in seen:
                seen.add(key)
                self.add(thing, data, instance)

    def add(self, thing, data, instance):
        if thing.type == "LIGHT":
            self.lights.add(data.original.as_pointer())
            return
        slots = [slot.material for slot in thing.material_slots]
        if self.override and thing.type not in {"GPENCIL", "GREASEPENCIL", "VOLUME"}:
            slots = [self.override] * max(1, len(slots))
        keys = [material.original.as_pointer() if material else 0 for material in slots]
        if not any(key in self.wanted for key in keys):
            return
        used = worn(thing, data, len(slots)) if instance.show_self else set()
        for system in thing.particle_systems if instance.show_particles else ():
            used.add(min(system.settings.material, len(slots)) - 1)
        for index in used:
            key = keys[index]
            if key not in self.wanted:
                continue
            self.materials.add(key)
            for uv_map in self.wanted[key]:
                self.tiles.setdefault((key, uv_map), set()).update(tiles_of(data, index, len(slots), uv_map))


def worn(thing, data, count):
    """Indexes of the material slots that an evaluated object uses."""
    if thing.type == "MESH" and hasattr(data, "polygons"):
        return {min(max(0, index), count - 1) for index in set(face_slots(data))}
    splines = getattr(data, "splines", None)
    if thing.type == "CURVE" and splines and not any(one.type == "NODES" for one in thing.modifiers):
        return {min(spline.material_index, count - 1) for spline in splines}
    return set(range(count))


def face_slots(mesh):
    """The material slot of each face. Blender uses the last slot for a higher index."""
    slots = array("i", bytes(4 * len(mesh.polygons)))
    mesh.polygons.foreach_get("material_index", slots)
    return slots


def tiles_of(mesh, index, count, uv_map):
    """Numbers of UDIM tiles that the faces of one slot touch. `None` means all tiles."""
    layers = getattr(mesh, "uv_layers", None)
    if layers is None:
        return {None}
    if uv_map:
        layer = layers.get(uv_map)
    else:
        layer = next((one for one in layers if one.active_render), None)
    if layer is None:
        # Without a UV map Blender uses 0, 0.
        return {1001}
    corners = array("f", bytes(8 * len(mesh.loops)))
    layer.data.foreach_get("uv", corners)
    starts = array("i", bytes(4 * len(mesh.polygons)))
    mesh.polygons.foreach_get("loop_start", starts)
    slots = face_slots(mesh)
    boxes = set()
    for face, start in enumerate(starts):
        if min(max(0, slots[face]), count - 1) == index:
            end = starts[face + 1] if face + 1 < len(starts) else len(mesh.loops)
            boxes.add(box_of(corners[2 * start : 2 * end : 2]) + box_of(corners[2 * start + 1 : 2 * end : 2]))
    # Tiles have u from 0 to 9 and v from 0 to 99.
    return {
        1001 + 10 * v + u
        for left, right, bottom, top in boxes
        for v in range(max(0, bottom), min(99, top) + 1)
        for u in range(max(0, left), min(9, right) + 1)
    }


def box_of(values):
    """The first and last tile along one axis that these values touch."""
    low = floor(min(values) + NEARLY)
    return low, max(low, ceil(max(values) - NEARLY) - 1)
