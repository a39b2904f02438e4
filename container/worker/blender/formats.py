"""The formats in which the frames of a scene are saved."""

import bpy

# Formats of a scene that Spotreel keeps besides the PNG, with their file endings.
MASTERS = {
    "JPEG": "jpg",
    "OPEN_EXR": "exr",
    "OPEN_EXR_MULTILAYER": "exr",
    "TIFF": "tif",
    "WEBP": "webp",
    "DPX": "dpx",
    "HDR": "hdr",
    "AVIF": "avif",
    "JPEG2000": "jp2",
    "CINEON": "cin",
    "TARGA": "tga",
    "TARGA_RAW": "tga",
    "BMP": "bmp",
    "IRIS": "rgb",
}

# Blender cannot save these formats in black and white. Since 4.0 it can save DPX.
NOT_GREY = {"WEBP", "CINEON"} if bpy.app.version >= (4, 0, 0) else {"WEBP", "CINEON", "DPX"}


def master_of(settings):
    """File ending of the scene's own format; None for a format that Spotreel does not keep."""
    file_format = settings.file_format
    if settings.color_mode == "BW" and file_format in NOT_GREY:
        print(f"Spotreel: Blender cannot save {file_format} in black and white: frames are saved only as PNG")
        return None
    if file_format == "JPEG2000" and settings.jpeg2k_codec == "J2K":
        return "j2c"
    return MASTERS.get(file_format)


class Formats:
    """The formats in which frames are saved: PNG, and the scene's own if Spotreel keeps it."""

    # Settings that depend on the format, in the order in which they can be set. Since Blender 5.0 the media type comes
    # before the file format.
    SETTINGS = ("media_type", "file_format", "color_mode", "color_depth")

    def __init__(self, image_settings):
        self.settings = image_settings
        self.own = self.read()
        # File ending of the format that is kept.
        self.master = master_of(image_settings)
        # With a movie as media type, image formats are hidden.
        if hasattr(image_settings, "media_type"):
            image_settings.media_type = "IMAGE"
        image_settings.file_format = "PNG"
        self.png = self.read()

    def read(self):
        values = {name: getattr(self.settings, name, "") for name in self.SETTINGS}
        # Color space of float formats. Blender before 3.2 has none.
        space = getattr(self.settings, "linear_colorspace_settings", None)
        return values, space and space.name

    def use(self, format):
        values, space = format
        for name, value in values.items():
            # Empty if the file has a value that the format does not allow. Blender then chooses one.
            if value:
                setattr(self.settings, name, value)
        if space:
            self.settings.linear_colorspace_settings.name = space
