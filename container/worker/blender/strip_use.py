"""The strips of a sequencer that show in one frame, and the faults of the files that they read.

A frame is built from the top channel down, as in `seq_render_strip_stack` of Blender. Sound strips do not count.
"""

import os

from image_files import faults_at, faults_of_clip, faults_of_data, faults_of_views

SOUND = "SOUND"


def is_sequenced(scene):
    """Whether Blender makes the frames of the scene from its strips."""
    editor = scene.sequence_editor
    strips = strips_of(editor) if editor and scene.render.use_sequencer else ()
    return any(strip.type != SOUND and not is_muted(strip, editor.channels) for strip in strips)


def strips_of(holder):
    """The strips of an editor or a meta strip. Before 4.4 they are called sequences."""
    strips = getattr(holder, "strips", None)
    return holder.sequences if strips is None else strips


def is_muted(strip, channels):
    return strip.mute or (strip.channel < len(channels) and channels[strip.channel].mute)


def shown_strips(holder, frame, top=None):
    """The strips that show, from the top down, with channel `top` as the highest."""
    channels = holder.channels
    there = [
        strip
        for strip in strips_of(holder)
        if strip.type != SOUND and strip.frame_final_start <= frame < strip.frame_final_end
    ]
    # Only the effect shows the strips that are its inputs.
    heard = [strip for strip in there if not is_muted(strip, channels)]
    taken = {one for strip in heard for one in inputs_of(strip)}
    stack = [one for one in heard if one not in taken and (top is None or one.channel <= top)]
    for strip in sorted(stack, key=lambda one: -one.channel):
        if strip.blend_type != "REPLACE" and strip.blend_alpha == 0 and strip.type != "ADJUSTMENT":
            continue
        yield strip
        if strip.blend_type == "REPLACE":
            return


def inputs_of(strip):
    return [one for one in (getattr(strip, "input_1", None), getattr(strip, "input_2", None)) if one]


class StripFaults:
    """`scenes` are the scenes that Blender renders for the frame, each with its frame."""

    def __init__(self, trees_of):
        self.files = []
        self.scenes = []
        self.trees_of = trees_of
        self.depth = 0
        self.scene = None

    def look(self, scene, frame):
        # The strips of a scene may show the scene itself.
        if self.depth < 16 and scene.sequence_editor:
            before, self.scene = self.scene, scene
            self.depth += 1
            self.stack(scene.sequence_editor, frame)
            self.depth -= 1
            self.scene = before

    def stack(self, holder, frame, top=None):
        for strip in shown_strips(holder, frame, top):
            self.strip(strip, holder, frame)

    def strip(self, strip, holder, frame):
        for modifier in strip.modifiers:
            tree = getattr(modifier, "node_group", None)
            if not modifier.mute and tree:
                self.files += self.trees_of(tree, frame)
            mask = getattr(modifier, "input_mask_strip", None)
            if mask and not modifier.mute:
                self.strip(mask, holder, frame)
        kind = strip.type
        if kind == "IMAGE":
            self.files += self.images(strip, [strip.strip_elem_from_frame(frame) or strip.elements[0]])
        elif kind == "MOVIE":
            self.files += self.file(strip, strip.filepath)
        elif kind == "MOVIECLIP" and strip.clip:
            self.files += faults_of_clip(strip.clip, frame - strip.frame_start + strip.clip.frame_start)
        elif kind == "TEXT" and strip.font:
            self.files += faults_of_data(strip.font)
        elif kind == "META":
            self.stack(strip, frame)
        elif kind == "SCENE" and strip.scene:
            at = int(strip.scene.frame_start + frame - strip.frame_start + strip.animation_offset_start)
            if strip.scene_input == "SEQUENCER":
                self.look(strip.scene, at)
            else:
                self.scenes.append((strip.scene, at))
        elif kind == "MULTICAM":
            if strip.multicam_source:
                self.stack(holder, frame, strip.multicam_source)
        elif kind == "ADJUSTMENT":
            self.stack(holder, frame, strip.channel - 1)
        elif kind == "SPEED" and strip.input_1 and strip.input_1.type == "IMAGE":
            # It may show any image of its input.
            self.files += self.images(strip.input_1, strip.input_1.elements)
            return
        for source in inputs_of(strip):
            self.strip(source, holder, frame)

    def images(self, strip, elements):
        paths = [os.path.join(strip.directory, element.filename) for element in elements]
        return [text for path in paths for text in self.file(strip, path)]

    def file(self, strip, path):
        if strip.use_multiview and strip.views_format == "INDIVIDUAL":
            return faults_of_views(path, self.scene.library, self.scene)
        return faults_at(path, self.scene.library)
