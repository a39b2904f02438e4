"""The nodes of a node tree that can change its result.

The search follows a tree back from its outputs, socket by socket, through reroutes, groups and zones. A muted node passes
only its internal links. Muted links and disabled sockets pass nothing.
"""

import bpy

# Output nodes, which count in every tree.
OUTPUTS = {"CompositorNodeComposite", "CompositorNodeOutputFile", "ShaderNodeOutputAOV", "ShaderNodeOutputLineStyle"}


class Place:
    """A tree as one group node uses it. `above` is the place of that node."""

    def __init__(self, tree, node=None, above=None, seen=()):
        self.tree, self.node, self.above = tree, node, above
        self.seen = (*seen, tree)
        self.links = {}
        for link in tree.links:
            if link.is_valid and not link.is_muted and link.from_socket.enabled and link.to_socket.enabled:
                self.links.setdefault(link.to_socket.as_pointer(), []).append(link.from_socket)
        self.inside = {}

    def group(self, node):
        """The place within a group node; None if the group is empty or contains itself."""
        if node.name not in self.inside:
            tree = node.node_tree
            known = tree is not None and tree not in self.seen
            self.inside[node.name] = Place(tree, node, self, self.seen) if known else None
        return self.inside[node.name]


class Live:
    """The live nodes of a tree: `nodes` are pairs of place and node, each once."""

    def __init__(self, tree, ends=None):
        self.top = Place(tree)
        self.nodes = []
        self.reached = set()
        self.sockets = set()
        self.waiting = []
        self.find_outputs(self.top, set(), ends)
        while self.waiting:
            place, socket = self.waiting.pop()
            self.follow(place, socket)

    def find_outputs(self, place, seen, ends=None):
        tree = place.tree
        for node in tree.nodes:
            if node.mute:
                continue
            group_end = node.bl_idname == "NodeGroupOutput" and node.is_active_output and place.node is None
            if node.bl_idname in OUTPUTS or (group_end if ends is None else node in ends):
                self.take(place, node)
            elif is_group(node):
                inside = place.group(node)
                if inside:
                    self.find_outputs(inside, seen)

    def take(self, place, node):
        key = (id(place), node.name)
        if key in self.reached:
            return
        self.reached.add(key)
        self.nodes.append((place, node))
        for socket in node.inputs:
            self.enter(place, socket)
        # Follow the other end of a simulation, loop or closure.
        for other in place.tree.nodes:
            if getattr(other, "paired_output_node", None) == node:
                self.take(place, other)

    def enter(self, place, socket):
        if not socket.enabled:
            return
        for source in place.links.get(socket.as_pointer(), ()):
            key = (id(place), source.as_pointer())
            if key not in self.sockets:
                self.sockets.add(key)
                self.waiting.append((place, source))

    def follow(self, place, socket):
        """Follows an output socket whose value is used."""
        node = socket.node
        if node.mute:
            for link in node.internal_links:
                if link.to_socket == socket:
                    self.enter(place, link.from_socket)
        elif is_group(node):
            inside = place.group(node)
            for end in inside.tree.nodes if inside else ():
                if end.bl_idname == "NodeGroupOutput" and end.is_active_output:
                    for inner in end.inputs:
                        if inner.identifier == socket.identifier:
                            self.enter(inside, inner)
        elif node.bl_idname == "NodeGroupInput":
            self.nodes_of_group_input(place, socket)
        else:
            self.take(place, node)

    def nodes_of_group_input(self, place, socket):
        if place.above is None:
            key = (id(place), socket.identifier, "input")
            if key not in self.reached:
                self.reached.add(key)
                self.nodes.append((place, socket))
            return
        for outer in place.node.inputs:
            if outer.identifier == socket.identifier:
                self.enter(place.above, outer)


def is_group(node):
    return isinstance(node, (bpy.types.ShaderNodeGroup, bpy.types.CompositorNodeGroup)) or (
        node.bl_idname in {"GeometryNodeGroup", "TextureNodeGroup"}
    )


def value_of(place, socket):
    """The value of a socket: its own, that of a String node, or a socket of the group input that the modifier sets.
    None if nodes compute the value."""
    for _ in range(100):
        sources = place.links.get(socket.as_pointer(), ())
        if not sources:
            return getattr(socket, "default_value", None)
        source = sources[0]
        node = source.node
        if node.mute:
            return None
        if node.bl_idname == "NodeReroute":
            socket = node.inputs[0]
        elif node.bl_idname == "FunctionNodeInputString":
            return node.string
        elif node.bl_idname == "NodeGroupInput":
            if place.above is None:
                return source
            socket = next(outer for outer in place.node.inputs if outer.identifier == source.identifier)
            place = place.above
        elif is_group(node) and place.group(node):
            place = place.group(node)
            ends = [end for end in place.tree.nodes if end.bl_idname == "NodeGroupOutput" and end.is_active_output]
            inner = [one for end in ends for one in end.inputs if one.identifier == source.identifier]
            if not inner:
                return None
            socket = inner[0]
        else:
            return None
    return None
