"""In which formats the frames of a scene are saved."""

import bpy

# The formats of a scene that are kept beside the PNG, and how their files end.
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

# Blender cannot save these in black and white; from 4.0 on it can save DPX so.
NOT_GREY = {"WEBP", "CINEON"} if bpy.app.version >= (4, 0, 0) else {"WEBP", "CINEON", "DPX"}


def master_of(settings):
    """How the files of the scene's own format end; None for a format that is not kept."""
    file_format = settings.file_format
    if settings.color_mode == "BW" and file_format in NOT_GREY:
        print(f"Spotreel: Blender cannot save {file_format} in black and white: frames are saved as PNG alone")
        return None
    if file_format == "JPEG2000" and settings.jpeg2k_codec == "J2K":
        return "j2c"
    return MASTERS.get(file_format)


class Formats:
    """In which formats the frames of a scene are saved: PNG, and the scene's own where that is kept."""

    # What a change of format changes, too; in the order in which they can be set. From Blender 5.0 on a kind of media
    # stands above the file format.
    SETTINGS = ("media_type", "file_format", "color_mode", "color_depth")

    def __init__(self, image_settings):
        self.settings = image_settings
        self.own = self.read()
        # How the files of the format that is kept end.
        self.master = master_of(image_settings)
        # Movies hide the image formats.
        if hasattr(image_settings, "media_type"):
            image_settings.media_type = "IMAGE"
        image_settings.file_format = "PNG"
        self.png = self.read()

    def read(self):
        values = {name: getattr(self.settings, name, "") for name in self.SETTINGS}
        # Of floats; Blender before 3.2 has none.
        space = getattr(self.settings, "linear_colorspace_settings", None)
        return values, space and space.name

    def use(self, format):
        values, space = format
        for name, value in values.items():
            # Also empty where the file holds what the format can't have; Blender then takes what it can.
            if value:
                setattr(self.settings, name, value)
        if space:
            self.settings.linear_colorspace_settings.name = space
