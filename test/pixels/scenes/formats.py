"""Formats of the picture, File Output nodes, stereo, colour configurations."""

import bpy

from kit import *  # noqa: F403


def of_format(name, depth=None):
    scene, _ = stage(frames=(1, 2))
    use_format(scene, name)
    scene.render.image_settings.color_mode = "RGB"
    if depth:
        scene.render.image_settings.color_depth = depth
    return scene


@feature("format-jpeg")
def format_jpeg():
    of_format("JPEG").render.image_settings.quality = 60
    save()


@feature("format-exr")
def format_exr():
    of_format("OPEN_EXR", "16").render.image_settings.exr_codec = "ZIP"
    save()


@feature("format-exr-multilayer")
def format_exr_multilayer():
    scene = of_format("OPEN_EXR_MULTILAYER", "32")
    layer = scene.view_layers[0]
    layer.use_pass_z = layer.use_pass_normal = layer.use_pass_cryptomatte_object = True
    save()


@feature("format-tiff")
def format_tiff():
    of_format("TIFF", "16")
    save()


@feature("format-webp")
def format_webp():
    of_format("WEBP").render.image_settings.quality = 100
    save()


@feature("format-dpx")
def format_dpx():
    of_format("DPX", "10")
    save()


@feature("format-hdr")
def format_hdr():
    of_format("HDR")
    save()


@feature("format-avif")
def format_avif():
    of_format("AVIF")
    save()


@feature("format-own-colour")
def format_own_colour():
    """The picture's file has colour settings of its own, which differ from the scene's."""
    scene = of_format("JPEG")
    settings = scene.render.image_settings
    settings.color_management = "OVERRIDE"
    settings.view_settings.view_transform = "Standard"
    settings.view_settings.exposure = 1
    save()


@feature("file-output")
def file_output():
    """Two pictures from one File Output node beside the film; another node is muted."""
    scene, _ = stage()
    tree, output = compositor(scene)
    layers = layers_node(tree)
    negative = inverted(tree, layers.outputs["Image"])
    tree.links.new(layers.outputs["Image"], output.inputs[0])
    writes(tree, "passes", {"Plain": layers.outputs["Image"], "Negative": negative})
    writes(tree, "muted", {"Plain": layers.outputs["Image"]}).mute = True
    save()


@feature("file-output-layers")
def file_output_layers():
    """One EXR with a layer for each input."""
    scene, _ = stage()
    tree, output = compositor(scene)
    layers = layers_node(tree)
    tree.links.new(layers.outputs["Image"], output.inputs[0])
    writes(tree, "passes", {"Plain": layers.outputs["Image"], "Alpha": layers.outputs["Alpha"]}, "OPEN_EXR_MULTILAYER")
    save()


def writes(tree, folder, inputs, format="PNG"):
    """A File Output node that writes into a folder beside the file."""
    node = tree.nodes.new("CompositorNodeOutputFile")
    settings = node.format
    if VERSION >= (5, 0, 0):
        settings.media_type = "MULTI_LAYER_IMAGE" if format == "OPEN_EXR_MULTILAYER" else "IMAGE"
    settings.file_format = format
    if VERSION >= (5, 0, 0):
        node.directory, node.file_name = f"//{folder}/", "pass_"
        for name, source in inputs.items():
            node.file_output_items.new("FLOAT" if name == "Alpha" else "RGBA", name)
            tree.links.new(source, node.inputs[name])
        return node
    is_layered = format == "OPEN_EXR_MULTILAYER"
    node.base_path = f"//{folder}/pass_" if is_layered else f"//{folder}/"
    (node.layer_slots if is_layered else node.file_slots).clear()
    for name, source in inputs.items():
        (node.layer_slots if is_layered else node.file_slots).new(name)
        tree.links.new(source, node.inputs[name])
    return node


def stereo(format):
    scene, _ = stage(frames=(1, 2))
    scene.render.use_multiview = True
    scene.render.image_settings.views_format = format
    if format == "STEREO_3D":
        scene.render.image_settings.stereo_3d_format.display_mode = "SIDEBYSIDE"
    return scene


@feature("stereo-views")
def stereo_views():
    stereo("INDIVIDUAL")
    save()


@feature("stereo-side-by-side")
def stereo_side_by_side():
    stereo("STEREO_3D")
    save()


OCIO_CONFIG = """ocio_profile_version: 1
strictparsing: true
luma: [0.2126, 0.7152, 0.0722]
roles:
  scene_linear: Linear
  rendering: Linear
  reference: Linear
  default: Linear
  data: Raw
  default_byte: Linear
  default_float: Linear
  default_sequencer: Linear
  color_picking: Linear
displays:
  sRGB:
    - !<View> {name: Standard, colorspace: Studio}
    - !<View> {name: Raw, colorspace: Raw}
active_displays: [sRGB]
active_views: [Standard, Raw]
colorspaces:
  - !<ColorSpace>
    name: Linear
    bitdepth: 32f
    isdata: false
    allocation: lg2
  - !<ColorSpace>
    name: Raw
    bitdepth: 32f
    isdata: true
    allocation: uniform
  - !<ColorSpace>
    name: Studio
    bitdepth: 32f
    isdata: false
    allocation: uniform
    from_reference: !<MatrixTransform> {matrix: [0.2, 0.8, 0, 0, 0.6, 0.2, 0.2, 0, 0, 0.3, 0.7, 0, 0, 0, 0, 1]}
"""


def studio(transform):
    scene, _ = stage(frames=(1, 2))
    scene.view_settings.view_transform = transform
    write("config/studio.ocio", OCIO_CONFIG.encode())
    save()


@feature("ocio-environment")
def ocio_environment():
    studio("Standard")


@feature("ocio-option")
def ocio_option():
    studio("Standard")


@feature("ocio-view-missing")
def ocio_view_missing():
    """The studio's configuration has no Filmic."""
    studio("Filmic")
