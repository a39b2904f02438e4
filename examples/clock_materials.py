"""Materials for make-clock.py. None of them takes a random choice, so none needs many samples:
only the key light's soft shadows and the edges of things do."""

import bpy

BLACK, WHITE = "000000", "ffffff"
SKY = ((0, "6b4a52"), (0.5, "8a8a9c"), (1, "a9b4d6"))  # on surfaces that face down, up


def linear(srgb):
    """Scene-linear RGBA of an sRGB colour, given as hexadecimal digits or as three bytes."""
    levels = bytes.fromhex(srgb) if isinstance(srgb, str) else srgb
    parts = (level / 255 for level in levels)
    return (*(p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts), 1)


class Shader:
    """A node tree written as nested calls: shader("Emission", Color=shader("ValToRGB", …))."""

    def __init__(self, tree):
        self.tree = tree

    def __call__(self, kind, *values, out=0, **named):
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for key, value in [*enumerate(values), *named.items()]:
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = value
        return node.outputs[out]

    def math(self, operation, *values):
        result = self("Math", *values)
        result.node.operation = operation
        return result

    def ramp(self, factor, stops, tint=WHITE):
        result = self("ValToRGB", factor)
        result.node.color_ramp.interpolation = "EASE"
        elements = result.node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(1)
        for element, (position, srgb) in zip(elements, stops):
            element.position = position
            element.color = [a * b for a, b in zip(linear(srgb), linear(tint))]
        return result

    def radial_ramp(self, vector, stops, tint=WHITE):
        """A ramp over the unit disc, from its rim (0) to its centre (1)."""
        gradient = self("TexGradient", vector, out="Fac")
        gradient.node.gradient_type = "SPHERICAL"
        return self.ramp(gradient, stops, tint)


def new_material(name, build):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.cycles.sample_as_light = False  # a glowing surface lights nothing else
    material.node_tree.nodes.clear()
    shader = Shader(material.node_tree)
    output = material.node_tree.nodes.new("ShaderNodeOutputMaterial")
    material.node_tree.links.new(build(shader), output.inputs["Surface"])
    return material


def flat(name, srgb):
    """The same colour everywhere, whatever the light."""
    return new_material(name, lambda shader: shader("Emission", linear(srgb)))


def matte(name, srgb):
    """Diffuse under the key light; its sky follows the normal alone, so it has no noise."""

    def build(shader):
        normal = shader("NewGeometry", out="Normal")
        up = shader("MapRange", shader("SeparateXYZ", normal, out="Y"), -1.0)
        sky = shader("Emission", shader.ramp(up, SKY, srgb))
        return shader("AddShader", shader("BsdfDiffuse", linear(srgb)), sky)

    return new_material(name, build)


def bokeh(name, srgb):
    """A light out of focus, brightest at the rim. It is added to what is behind it, as a mix
    with transparency would be noisy."""

    def build(shader):
        stops = ((0, BLACK), (0.05, "727272"), (0.16, "5b5b5b"), (1, "525252"))
        disc = shader.radial_ramp(shader("TexCoord", out="Object"), stops, srgb)
        return shader("AddShader", shader("Emission", disc), shader("BsdfTransparent"))

    return new_material(name, build)


def beads(name, count, stops):
    """A ring of lights, brightest where the hand is and fading through one turn. Each bead's
    number is its pass index, so that one value, also returned, lights all: the hand's turns."""
    turns = None

    def build(shader):
        nonlocal turns
        turns = shader("Value")
        number = shader("ObjectInfo", out="Object Index")
        since = shader.math("SUBTRACT", turns, shader.math("DIVIDE", number, count))
        # A hundredth of a turn keeps rounding from taking the brightest for the darkest.
        age = shader.math("FRACT", shader.math("ADD", since, 0.01))
        light = shader.math("POWER", shader.math("SUBTRACT", 1, age), 4)
        return shader("Emission", shader.ramp(light, stops))

    return new_material(name, build), turns
