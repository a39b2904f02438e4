"""What is drawn: engines, shading, geometry, view layers, colour."""

import bpy

from kit import *  # noqa: F403


@feature("eevee")
def eevee_engine():
    # One frame: without a GPU, EEVEE 5.2 needs 8 s of processor time for each.
    scene, red = stage(engine=eevee(), frames=(1, 1))
    red.data.materials[0] = dull("Dull", (0.8, 0.2, 0.1))
    sun(scene)
    save()


@feature("workbench")
def workbench():
    stage(engine="BLENDER_WORKBENCH")
    save()


@feature("volumetrics")
def volumetrics():
    scene, _ = stage()
    sun(scene)
    fog = cube(scene, "Fog", size=3)
    tree = fog.data.materials[0].node_tree
    volume = tree.nodes.new("ShaderNodeVolumePrincipled")
    volume.inputs["Density"].default_value = 0.3
    output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    tree.links.remove(output.inputs["Surface"].links[0])
    tree.links.new(volume.outputs[0], output.inputs["Volume"])
    save()


@feature("geometry")
def many_kinds_of_geometry():
    """Hair, a collection instanced by an empty, faces that duplicate a child, letters, metaballs."""
    scene, red = stage()
    red.modifiers.new("Hair", "PARTICLE_SYSTEM")
    settings = red.particle_systems[0].settings
    settings.type, settings.count, settings.hair_length = "HAIR", 60, 1
    group = bpy.data.collections.new("Group")
    cube(scene, "Bit", (0, 0, 0.8), (0, 1, 0), 0.4, group)
    holder = link(scene, "Holder", None, (0.7, 0, 0))
    holder.instance_type, holder.instance_collection = "COLLECTION", group
    owner = cube(scene, "Owner", (-1.2, 0, 0.8), size=0.5)
    child = cube(scene, "Child", (0, 0, 0), (0.2, 0.2, 1), 0.2)
    child.parent, owner.instance_type = owner, "FACES"
    letters = bpy.data.curves.new("Letters", "FONT")
    letters.body, letters.extrude = "Añ", 0.1
    letters.materials.append(glow("Ink", (1, 1, 0)))
    link(scene, "Letters", letters, (-0.5, -1, -1)).rotation_euler = (1.5708, 0, 0)
    drops = bpy.data.metaballs.new("Drops")
    drops.render_resolution = 0.2
    drops.materials.append(glow("Drop", (0, 0.6, 0.9)))
    drops.elements.new().co = (0, 0, 0)
    slide(link(scene, "Drops", drops, (0, 0, -1)), 1, 1, 3, 0)
    save()


@feature("deformation")
def deformation():
    """Shape keys, a rig, geometry nodes that turn a cube by the Scene Time node."""
    scene, red = stage()
    red.shape_key_add(name="Basis")
    key = red.shape_key_add(name="Tall")
    for point in key.data:
        point.co.z *= 2
    for frame, value in ((1, 0), (3, 1)):
        key.value = value
        key.keyframe_insert("value", frame=frame)
    rig = link(scene, "Rig", bpy.data.armatures.new("Rig"))
    activate(rig)
    bpy.ops.object.mode_set(mode="EDIT")
    rig.data.edit_bones.new("Bone").tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    red.modifiers.new("Rig", "ARMATURE").object = rig
    red.vertex_groups.new(name="Bone").add(range(8), 1, "REPLACE")
    bone = rig.pose.bones[0]
    bone.rotation_mode = "XYZ"
    for frame, angle in ((1, 0), (3, 1)):
        bone.rotation_euler.x = angle
        bone.keyframe_insert("rotation_euler", frame=frame)
    geometry(cube(scene, "Turning", (1, 0, 1), (0, 1, 1), 0.5), turned_by_time)
    save()


def turned_by_time(tree, geometry_in):
    time, move = tree.nodes.new("GeometryNodeInputSceneTime"), tree.nodes.new("GeometryNodeTransform")
    combine = tree.nodes.new("ShaderNodeCombineXYZ")
    tree.links.new(time.outputs["Seconds"], combine.inputs["X"])
    tree.links.new(time.outputs["Frame"], combine.inputs["Y"])
    tree.links.new(combine.outputs[0], move.inputs["Rotation"])
    tree.links.new(geometry_in, move.inputs["Geometry"])
    return move.outputs[0]


@feature("grease-pencil")
def grease_pencil():
    scene, _ = stage()
    if VERSION >= (4, 3, 0):
        bpy.ops.object.grease_pencil_add(type="STROKE", location=(0, -1, 0))
    else:
        bpy.ops.object.gpencil_add(type="STROKE", location=(0, -1, 0))
    save()


@feature("freestyle")
def freestyle():
    scene, _ = stage()
    scene.render.use_freestyle = True
    settings = scene.view_layers[0].freestyle_settings
    lines = settings.linesets[0] if settings.linesets else settings.linesets.new("Lines")
    # A new line set has no line style.
    if lines.linestyle is None:
        lines.linestyle = bpy.data.linestyles.new("Style")
    save()


@feature("view-layers")
def view_layers():
    """Two layers, each with its own collection and one with a material override; a third is off."""
    scene, red = stage()
    scene.render.film_transparent = True
    other = bpy.data.collections.new("Other")
    scene.collection.children.link(other)
    cube(scene, "Green", (0.3, -1, 0), (0, 1, 0), 0.6, other)
    second = scene.view_layers.new("Second")
    scene.view_layers.new("Off").use = False
    scene.view_layers[0].layer_collection.children["Other"].exclude = True
    second.material_override = glow("Override", (0.2, 0.2, 1))
    tree, output = compositor(scene)
    one = layers_node(tree, scene, scene.view_layers[0].name)
    two = layers_node(tree, scene, "Second")
    tree.links.new(mixed(tree, one.outputs[0], two.outputs[0]), output.inputs[0])
    save()


@feature("collections-and-masks")
def collections_and_masks():
    """A holdout, an object that only shadows see, one that is hidden by a key."""
    scene, red = stage()
    sun(scene)
    grid(scene, "Floor", (0, 0, -1), 6)
    cube(scene, "Hole", (0.4, -1, 0), size=0.5).is_holdout = True
    cube(scene, "Shadow", (-1, 0, 1), size=0.5).visible_camera = False
    blink = cube(scene, "Blink", (0, 0, 1), (0, 1, 1), 0.4)
    for frame, hidden in ((1, False), (2, True)):
        blink.hide_render = hidden
        blink.keyframe_insert("hide_render", frame=frame)
    save()


@feature("compositor-grading")
def compositor_grading():
    scene, _ = stage()
    tree, output = compositor(scene)
    tree.links.new(inverted(tree, layers_node(tree).outputs["Image"]), output.inputs[0])
    save()


@feature("compositor-only")
def compositor_only():
    """The scene itself has neither camera nor objects: it grades what another scene renders."""
    scene, _ = stage()
    scene.name = "Shot"
    grade = tune(bpy.data.scenes.new("Grade"))
    tree, output = compositor(grade)
    tree.links.new(inverted(tree, layers_node(tree, scene).outputs["Image"]), output.inputs[0])
    show_scene(grade)
    save()


@feature("compositor-still")
def compositor_still():
    """No Render Layers node at all: a generated picture is graded."""
    scene = begin()
    picture = bpy.data.images.new("Grid", 48, 36)
    picture.generated_type = "COLOR_GRID"
    tree, output = compositor(scene)
    node = tree.nodes.new("CompositorNodeImage")
    node.image = picture
    tree.links.new(inverted(tree, node.outputs[0]), output.inputs[0])
    save()


@feature("alpha-16-bits")
def alpha_16_bits():
    scene, _ = stage()
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode, scene.render.image_settings.color_depth = "RGBA", "16"
    save()


@feature("grey-dithered")
def grey_dithered():
    scene, _ = stage()
    scene.render.image_settings.color_mode, scene.render.dither_intensity = "BW", 2
    save()


@feature("colour-filmic")
def colour_filmic():
    scene, _ = stage()
    view(scene, "Filmic", "High Contrast", exposure=0.7, gamma=1.2)
    save()


@feature("colour-agx")
def colour_agx():
    scene, _ = stage()
    view(scene, "AgX", "AgX - Punchy", exposure=-0.5, gamma=1)
    save()


@feature("colour-curves")
def colour_curves():
    scene, _ = stage()
    view(scene, "Standard", None, exposure=0, gamma=1)
    scene.view_settings.use_curve_mapping = True
    curves = scene.view_settings.curve_mapping
    curves.curves[3].points[0].location = (0, 0.3)
    curves.update()
    save()


def view(scene, transform, look, exposure, gamma):
    settings = scene.view_settings
    settings.view_transform, settings.exposure, settings.gamma = transform, exposure, gamma
    for name in (look, f"{transform} - {look}"):
        try:
            settings.look = name
            return
        except TypeError:
            continue
