"""Checks that a file on disk is whole, by its first and last bytes and its tables. Nothing is decoded.

`fault_of` returns None for a whole file, or "missing", "empty", "damaged" or what the file is instead. A file of an unknown
format counts as whole. Results are kept by path, size and time of change, so a frame costs one `stat` for each file.
"""

import os
import re
import struct

_known = {}

# Endings of images whose format Blender recognizes only by their first bytes.
PICTURES = re.compile(r"\.(png|jpe?g|exr|hdr|tiff?|bmp|webp|dpx|cin|psd|tga|gif|jp2|rgb)$", re.I)
FONTS = re.compile(r"\.(ttf|otf|ttc)$", re.I)
# Formats that FreeType reads with any ending: TrueType, OpenType, collections, WOFF, Type 1.
FONT_STARTS = (b"\0\1\0\0", b"OTTO", b"true", b"ttcf", b"typ1", b"wOFF", b"wOF2", b"%!PS", b"\x80\1")
LFS = b"version https://git-lfs"
# Bytes at the end of a file that are searched first.
TAIL = 64 * 1024


def fault_of(path):
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return "missing"
    if not os.path.isfile(path):
        return "missing"
    key = (stat.st_size, stat.st_mtime_ns)
    known = _known.get(path)
    if known is None or known[0] != key:
        known = _known[path] = (key, _examine(path, stat.st_size))
    return known[1]


def _examine(path, size):
    if size == 0:
        return "empty"
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if head.startswith(LFS):
                return "a Git LFS pointer, not the file"
            return None if _is_whole(file, head, size, path) else "damaged"
    except PermissionError:
        return "not readable"
    except (OSError, struct.error, ValueError, IndexError):
        return "damaged"


def _is_whole(file, head, size, path):
    for start, check in CHECKS:
        if head.startswith(start):
            return check(file, head, size)
    if head[:4] == b"RIFF":
        return struct.unpack("<I", head[4:8])[0] + 8 <= size if head[8:12] == b"WEBP" else True
    if head[4:8] == b"ftyp":
        return _mp4(file, size)
    lower = path.lower()
    if PICTURES.search(lower):
        return head[:3] == b"GIF" or head[:2] == b"\x01\xda" or head[4:8] == b"jP  " or _tga(head, size)
    if FONTS.search(lower):
        return head.startswith(FONT_STARTS)
    if lower.endswith(".vdb"):
        return head[:4] == b" BDV"
    if lower.endswith(".abc"):
        # A complete Ogawa file has 0xff in byte 5: https://www.alembic.io/, lib/Alembic/Ogawa/IStreams.cpp
        return head[:4] == b"\x89HDF" or (head[:5] == b"Ogawa" and head[5] == 0xFF)
    if lower.endswith(".pc2"):
        return _pc2(head, size)
    if lower.endswith(".mdd"):
        return _mdd(head, size)
    return True


def _png(file, head, size):
    """Finds the last chunk: https://www.w3.org/TR/png-3/#5Chunk-layout"""
    file.seek(max(0, size - 12))
    if file.read(12)[4:8] == b"IEND":
        return True
    at = 8
    while at + 12 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IEND":
            return True
        at += 12 + length
    return False


def _jpeg(file, head, size):
    """Finds the end marker, which occurs nowhere else in the data."""
    file.seek(max(2, size - TAIL))
    if b"\xff\xd9" in file.read():
        return True
    # Some cameras append more data than the searched tail.
    file.seek(2)
    while True:
        marker, length = struct.unpack(">HH", file.read(4))
        file.seek(length - 2, 1)
        if marker == 0xFFDA:
            return b"\xff\xd9" in file.read()
        if marker < 0xFF00:
            return False


def _tiff(file, head, size):
    """Checks that the strips or tiles of the first image are within the file: TIFF 6.0, sections 2 and 15."""
    order = "<" if head[:2] == b"II" else ">"
    if struct.unpack(order + "H", head[2:4])[0] != 42:
        return True
    (at,) = struct.unpack(order + "I", head[4:8])
    file.seek(at)
    (count,) = struct.unpack(order + "H", file.read(2))
    entries = file.read(12 * count)
    lists = {}
    for i in range(count):
        tag, kind, number, _ = struct.unpack_from(order + "HHII", entries, 12 * i)
        width = {3: 2, 4: 4}.get(kind)
        if tag not in (273, 279, 324, 325) or width is None:
            continue
        if width * number > 4:
            (place,) = struct.unpack_from(order + "I", entries, 12 * i + 8)
            file.seek(place)
            data = file.read(width * number)
        else:
            data = entries[12 * i + 8 : 12 * i + 8 + width * number]
        lists[tag] = struct.unpack(f"{order}{number}{'H' if width == 2 else 'I'}", data)
    starts, counts = lists.get(273) or lists.get(324), lists.get(279) or lists.get(325)
    if not starts or not counts:
        return bool(starts) and max(starts) < size
    return all(start + length <= size for start, length in zip(starts, counts))


def _exr(file, head, size):
    """Checks that all chunks of the offset table are within the file.

    https://openexr.com/en/latest/OpenEXRFileLayout.html
    """
    version = struct.unpack("<I", head[4:8])[0]
    # Tiled, deep and multi-part files are not checked further.
    file.seek(8)
    header = file.read(1024 * 1024)
    at, values = 0, {}
    while header[at] != 0:
        name_end = header.index(b"\0", at)
        type_end = header.index(b"\0", name_end + 1)
        (length,) = struct.unpack_from("<I", header, type_end + 1)
        values[header[at:name_end]] = header[type_end + 5 : type_end + 5 + length]
        at = type_end + 5 + length
    if version & (0x200 | 0x800 | 0x1000):
        return True
    lines = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}.get(values[b"compression"][0])
    if lines is None:
        return True
    _, top, _, bottom = struct.unpack("<4i", values[b"dataWindow"])
    chunks = -(-(bottom - top + 1) // lines)
    file.seek(8 + at + 1)
    offsets = struct.unpack(f"<{chunks}Q", file.read(8 * chunks))
    file.seek(max(offsets))
    _, length = struct.unpack("<iI", file.read(8))
    return min(offsets) > 0 and max(offsets) + 8 + length <= size


def _bmp(file, head, size):
    # Other formats can begin with these two letters, too.
    if head[6:10] != bytes(4):
        return True
    start, _, width, height, _, bits, packing = struct.unpack("<IIiiHHI", head[10:34].ljust(24, b"\0"))
    row = (width * bits + 31) // 32 * 4
    return start < size and (packing != 0 or start + row * abs(height) <= size)


def _hdr(file, head, size):
    """The header ends with the resolution. An image with less than two bytes a line is incomplete."""
    file.seek(0)
    found = re.search(rb"\n\n[-+][XY] (\d+) [-+][XY] \d+\n", file.read(TAIL))
    return found is not None and found.end() + 2 * int(found.group(1)) <= size


def _dpx(file, head, size):
    order = ">" if head[:4] == b"SDPX" else "<"
    start, length = struct.unpack(order + "I", head[4:8])[0], struct.unpack(order + "I", head[16:20])[0]
    return start < size and (length == 0xFFFFFFFF or length <= size)


def _mp4(file, size):
    """Checks that all boxes are within the file, and that one describes the others: ISO/IEC 14496-12, section 4.2"""
    at, kinds = 0, set()
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        kinds.add(kind)
        if length == 0:
            break
        if length < 8 or at + length > size:
            return False
        at += length
    return not kinds.isdisjoint({b"moov", b"moof", b"meta"})


def _tga(head, size):
    """TGA has no signature. Blender accepts a plausible header."""
    if size < 18 or head[1] > 1 or head[2] not in (1, 2, 3, 9, 10, 11):
        return False
    width, height, bits = struct.unpack("<HHB", head[12:17])
    data = width * height * ((bits + 7) // 8)
    return width > 0 and height > 0 and bits in (8, 15, 16, 24, 32) and (head[2] > 3 or 18 + data <= size)


def _pc2(head, size):
    if not head.startswith(b"POINTCACHE2"):
        return False
    points, _, _, samples = struct.unpack("<iffi", head[16:32])
    return 32 + 12 * points * samples <= size


def _mdd(head, size):
    frames, points = struct.unpack(">ii", head[:8])
    return frames > 0 and points > 0 and 8 + 4 * frames + 12 * frames * points <= size


CHECKS = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"II", _tiff),
    (b"MM", _tiff),
    (b"v/1\x01", _exr),
    (b"BM", _bmp),
    (b"#?RADIANCE", _hdr),
    (b"#?RGBE", _hdr),
    (b"SDPX", _dpx),
    (b"XPDS", _dpx),
    (b"\x80*_\xd7", lambda *_: True),
    (b"8BPS", lambda *_: True),
)
