"""Scenes that use data of other files."""

import bpy

from kit import *  # noqa: F403


def library(path="lib/hero.blend", name="Hero"):
    """A file with a green cube in a collection of the same name."""
    scene = begin()
    group = bpy.data.collections.new(name)
    scene.collection.children.link(group)
    cube(scene, name, (0, 0, 0.5), (0, 1, 0), 0.8, group)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    save(path)


def borrow(kind, name, path="lib/hero.blend", **how):
    """Links data of a library into a file that was saved, so that the path to it is relative."""
    with bpy.data.libraries.load(os.path.abspath(path), link=True, relative=True, **how) as (_, wanted):
        setattr(wanted, kind, [name])
    return getattr(bpy.data, kind)[name]


def saved_stage():
    scene, _ = stage(frames=(1, 2))
    save()
    return scene


@feature("libraries")
def libraries():
    """A linked hero, an override of it, and a set whose library links another, with a texture beside that."""
    library()
    nested()
    scene = saved_stage()
    hero = borrow("objects", "Hero")
    scene.collection.objects.link(hero)
    scene.collection.children.link(borrow("collections", "Set", "lib/set.blend"))
    own = hero.override_create(remap_local_usages=True)
    own.location.x = 0.9
    save()


def nested():
    library("lib/parts/tree.blend", "Tree")
    png("lib/parts/tex/a.png")
    texture(bpy.data.objects["Tree"], image("//tex/a.png"))
    bpy.data.objects["Tree"].location.x = -1.2
    save("lib/parts/tree.blend")
    scene = begin()
    group = bpy.data.collections.new("Set")
    scene.collection.children.link(group)
    save("lib/set.blend")
    group.objects.link(borrow("objects", "Tree", "lib/parts/tree.blend"))
    save("lib/set.blend")


def linked():
    library()
    scene = saved_stage()
    scene.collection.objects.link(borrow("objects", "Hero"))
    save()


@feature("library-other-scene")
def library_other_scene():
    """The library is missing, and only another scene uses it."""
    library()
    saved_stage()
    bpy.data.scenes.new("Other").collection.objects.link(borrow("objects", "Hero"))
    save()
    os.remove("lib/hero.blend")


@feature("library-packed")
def library_packed():
    """Linked data that is packed into the file; the library itself is gone (Blender 5)."""
    library()
    scene = saved_stage()
    scene.collection.objects.link(borrow("objects", "Hero", pack=True))
    save()
    os.remove("lib/hero.blend")


@feature("library-missing")
def library_missing():
    linked()
    os.remove("lib/hero.blend")


@feature("library-object-missing")
def library_object_missing():
    """The hero has another name in the library by now."""
    linked()
    library(name="Heroine")


@feature("library-newer")
def library_newer():
    """Saved by a Blender to come: only the version in the head of the file is changed."""
    linked()
    with open("lib/hero.blend", "rb") as file:
        content = bytearray(file.read())
    # `BLENDER-v304` of versions up to 4.5; `BLENDER17-01v0502` from 5.0 on.
    at = content.index(b"v", 7)
    content[at + 1 : at + 1 + (3 if VERSION < (5, 0, 0) else 4)] = b"999" if VERSION < (5, 0, 0) else b"0999"
    write("lib/hero.blend", bytes(content))
